//! Users and groups: what an image's `User` means by its `/etc/passwd` and `/etc/group`.
//!
//! As containerd and kubelet do it: passwd(5), group(5).

use std::collections::BTreeSet;

/// What an image's configuration says about the user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum User {
    /// Nothing.
    None,
    /// `user` or `user:group`.
    Of {
        /// The user.
        user: Id,
        /// The group.
        group: Option<Id>,
    },
    /// Something with more than one colon, or with nothing before or after it.
    Malformed(String),
}

/// A user or a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Id {
    /// By number. Kernel and runtimes take 0 to 2147483647.
    Number(u32),
    /// By name.
    Name(String),
}

/// Does the group part of an image's user count?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GroupPart {
    /// As for a pod's first container, whose user the runtime reads itself.
    Counts,
    /// As for all others: only the user part is handed to the runtime.
    Ignored,
}

/// Whom a process runs as.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Identity {
    /// User ID; 0 where the image says nothing, or something that cannot be resolved.
    pub uid: u32,
    /// Primary group.
    pub gid: u32,
    /// The user's name: the one that was written, or the first that the image has for the number.
    pub name: Option<String>,
    /// What was written and is not to be found: runtimes refuse to start such a container.
    pub unresolved: Option<String>,
}

/// Users and groups of an image.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Accounts {
    users: Vec<UserLine>,
    groups: Vec<GroupLine>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct UserLine {
    name: String,
    uid: u32,
    gid: u32,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct GroupLine {
    name: String,
    gid: u32,
    members: Vec<String>,
}

/// The largest ID that runtimes take.
const MAX_ID: u32 = i32::MAX as u32;

impl User {
    /// Reads `User` of a configuration. Whatever consists of digits is a number.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text.is_empty() {
            return Self::None;
        }
        let parts: Vec<_> = text.split(':').collect();
        let ids: Option<Vec<_>> = parts.iter().map(|part| Id::parse(part)).collect();
        match ids.as_deref() {
            Some([user]) => Self::Of { user: user.clone(), group: None },
            Some([user, group]) => Self::Of { user: user.clone(), group: Some(group.clone()) },
            _ => Self::Malformed(text.to_owned()),
        }
    }

    /// Must a name be looked up in the image, where the group part counts as `groups` says?
    #[must_use]
    pub fn has_names(&self, groups: GroupPart) -> bool {
        let name = |id: &Id| matches!(id, Id::Name(_));
        match self {
            Self::Of { user, group } => {
                name(user) || groups == GroupPart::Counts && group.as_ref().is_some_and(name)
            }
            Self::None | Self::Malformed(_) => false,
        }
    }
}

impl Id {
    /// Nothing if it is empty, or a number that is too large.
    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            return number(text).map(Self::Number);
        }
        Some(Self::Name(text.to_owned()))
    }
}

impl Accounts {
    /// Reads both files, as far as they are there. Lines of another form are left out.
    #[must_use]
    pub fn parse(passwd: Option<&[u8]>, group: Option<&[u8]>) -> Self {
        Self { users: lines(passwd, user_line), groups: lines(group, group_line) }
    }

    /// Whom a container of an image with this `User` runs as.
    #[must_use]
    pub fn identity(&self, user: &User, groups: GroupPart) -> Identity {
        let (user, group) = match user {
            User::None => return self.of_number(0),
            User::Malformed(text) => return Identity { unresolved: Some(text.clone()), ..self.of_number(0) },
            User::Of { user, group } => (user, group.as_ref().filter(|_| groups == GroupPart::Counts)),
        };
        let mut identity = match user {
            Id::Number(uid) => self.of_number(*uid),
            Id::Name(name) => match self.users.iter().find(|line| line.name == *name) {
                Some(line) => {
                    Identity { uid: line.uid, gid: line.gid, name: Some(name.clone()), unresolved: None }
                }
                None => Identity { unresolved: Some(name.clone()), ..self.of_number(0) },
            },
        };
        match group {
            Some(Id::Number(gid)) => identity.gid = *gid,
            Some(Id::Name(name)) => match self.groups.iter().find(|line| line.name == *name) {
                Some(line) => identity.gid = line.gid,
                None => identity.unresolved = Some(name.clone()),
            },
            None => {}
        }
        identity
    }

    /// The primary group of a user: that of the first line with this number.
    #[must_use]
    pub fn primary_group(&self, uid: u32) -> Option<u32> {
        self.users.iter().find(|line| line.uid == uid).map(|line| line.gid)
    }

    /// The first name of a user.
    #[must_use]
    pub fn user_name(&self, uid: u32) -> Option<&str> {
        self.users.iter().find(|line| line.uid == uid).map(|line| line.name.as_str())
    }

    /// The groups that list a user as a member. Groups that are named like the user are not among them: containerd
    /// leaves them out (its issue 11937).
    #[must_use]
    pub fn memberships(&self, name: &str) -> BTreeSet<u32> {
        let lists = |line: &&GroupLine| line.name != name && line.members.iter().any(|member| member == name);
        self.groups.iter().filter(lists).map(|line| line.gid).collect()
    }

    fn of_number(&self, uid: u32) -> Identity {
        Identity {
            uid,
            gid: self.primary_group(uid).unwrap_or_default(),
            name: self.user_name(uid).map(str::to_owned),
            unresolved: None,
        }
    }
}

fn lines<T>(file: Option<&[u8]>, read: impl Fn(&str) -> Option<T>) -> Vec<T> {
    let lines = file.unwrap_or_default().split(|byte| *byte == b'\n');
    lines.filter_map(|line| read(std::str::from_utf8(line).ok()?.trim())).collect()
}

/// `name:password:uid:gid:comment:home:shell`.
fn user_line(line: &str) -> Option<UserLine> {
    let fields: Vec<_> = line.split(':').collect();
    let [name, _, uid, gid, _, _, _] = fields.as_slice() else { return None };
    Some(UserLine { name: (*name).to_owned(), uid: number(uid)?, gid: number(gid)? })
}

/// `name:password:gid:member,member`.
fn group_line(line: &str) -> Option<GroupLine> {
    let fields: Vec<_> = line.split(':').collect();
    let [name, _, gid, members] = fields.as_slice() else { return None };
    let members = members.split(',').filter(|member| !member.is_empty()).map(str::to_owned).collect();
    Some(GroupLine { name: (*name).to_owned(), gid: number(gid)?, members })
}

fn number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number <= MAX_ID)
}

#[cfg(test)]
mod tests;
