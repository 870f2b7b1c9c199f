//! What comparisons are about.

/// What a comparison is about, in the words of a pod specification.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Subject {
    /// The kind of the request itself.
    Request,
    /// The pod: what all containers share.
    Pod,
    /// The name of the pod.
    PodName,
    /// The namespace of the pod.
    Namespace,
    /// An annotation, or what the runtime says in one.
    Annotation(String),
    /// The container as a whole.
    Container,
    /// The image.
    Image,
    /// The command line, from this word on.
    Argument(usize),
    /// A variable.
    Variable(String),
    /// The working directory.
    WorkingDirectory,
    /// Terminal and input.
    Terminal,
    /// User and groups.
    User,
    /// Capabilities and privileges.
    Privileges,
    /// The root file system.
    RootFileSystem,
    /// A mount, by its destination.
    Mount(String),
    /// A storage that the agent mounts, by its mount point.
    Storage(String),
    /// A device, by its path in the container.
    Device(String),
    /// A kernel parameter.
    Sysctl(String),
    /// Namespaces of the kernel.
    Namespaces,
    /// Limits and control groups.
    Resources,
    /// A command of a probe or lifecycle hook.
    Exec,
    /// Reading logs.
    Logs,
    /// A file that the host copies into the guest.
    File,
    /// Network interfaces, routes and neighbours.
    Network,
}
