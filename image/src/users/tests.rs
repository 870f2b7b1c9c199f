use proptest::prelude::*;

use super::*;

const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
    toor:x:0:5:::\n\
    web:x:33:34:www,data:/srv:/bin/false\r\n\
    web:x:99:99:::\n\
    12:x:77:77:::\n\
    + \n\
    # comment\n\
    +::::::\n\
    short:x:1:1\n\
    long:x:1:1:::::\n\
    minus:x:-1:1:::\n\
    plus:x:+1:1:::\n\
    large:x:2147483648:1:::\n\
    last:x:2147483647:1:::";
const GROUP: &str = "root:x:0:\nweb:x:34:web\nlog:x:40:web,toor\ndisk:x:6:root,web\nbad:x:7\nworse:x:y:web\nsp:x:8:we b\nlog:x:41:";

fn accounts() -> Accounts {
    Accounts::parse(Some(PASSWD.as_bytes()), Some(GROUP.as_bytes()))
}

/// User ID, group ID, and what cannot be resolved.
fn identity(user: &str, groups: GroupPart) -> (u32, u32, Option<String>) {
    let Identity { uid, gid, unresolved, .. } = accounts().identity(&User::parse(user), groups);
    (uid, gid, unresolved)
}

#[test]
fn every_form_of_a_user_is_resolved_as_the_node_does() {
    use GroupPart::{Counts, Ignored};
    for (user, groups, expected) in [
        ("", Ignored, (0, 0)),
        ("0", Ignored, (0, 0)),
        ("33", Ignored, (33, 34)),
        ("1234", Ignored, (1234, 0)),
        ("033", Ignored, (33, 34)),
        ("web", Ignored, (33, 34)),
        ("toor", Ignored, (0, 5)),
        // A number is a number, also if somebody is called like that.
        ("12", Ignored, (12, 0)),
        ("web:log", Ignored, (33, 34)),
        ("web:log", Counts, (33, 40)),
        ("33:6", Counts, (33, 6)),
        ("1234:disk", Counts, (1234, 6)),
        ("1234:disk", Ignored, (1234, 0)),
    ] {
        let (uid, gid, unresolved) = identity(user, groups);
        assert_eq!(((uid, gid), unresolved), (expected, None), "{user:?}, group part {groups:?}");
    }
}

#[test]
fn what_cannot_be_resolved_is_root_and_said() {
    for user in
        ["nobody", "minus", "plus", "large", "short", "long", "a:b:c", ":", ":web", "web:", "4294967296"]
    {
        let (uid, gid, unresolved) = identity(user, GroupPart::Ignored);
        assert_eq!((uid, gid, unresolved), (0, 0, Some(user.to_owned())), "{user:?}");
    }
    assert_eq!(identity("web:nothing", GroupPart::Counts), (33, 34, Some("nothing".to_owned())));
    assert_eq!(identity("last", GroupPart::Ignored), (2_147_483_647, 1, None));
}

#[test]
fn a_member_of_a_group_is_not_one_of_the_group_of_the_same_name() {
    let of = |name: &str| accounts().memberships(name).into_iter().collect::<Vec<_>>();
    assert_eq!(of("web"), [6, 40]);
    assert_eq!(of("root"), [6]);
    assert_eq!(of("toor"), [40]);
    assert_eq!(of("we"), [0; 0]);
    assert_eq!(of(""), [0; 0]);
    let name = |user: &str| accounts().identity(&User::parse(user), GroupPart::Ignored).name;
    assert_eq!(
        (name("toor"), name("0"), name("33")),
        (Some("toor".into()), Some("root".into()), Some("web".into()))
    );
    assert_eq!((name("1234"), name("nobody")), (None, Some("root".into())));
}

#[test]
fn layers_are_needed_only_for_names() {
    for (user, counts, ignored) in [
        ("", false, false),
        ("1:2", false, false),
        ("a", true, true),
        ("1:b", true, false),
        ("a:b:c", false, false),
    ] {
        let user = User::parse(user);
        assert_eq!(user.has_names(GroupPart::Counts), counts, "{user:?}");
        assert_eq!(user.has_names(GroupPart::Ignored), ignored, "{user:?}");
    }
}

#[test]
fn without_files_numbers_stay_and_have_no_groups() {
    let nothing = Accounts::parse(None, None);
    let identity = nothing.identity(&User::parse("5:6"), GroupPart::Counts);
    assert_eq!(identity, Identity { uid: 5, gid: 6, name: None, unresolved: None });
}

proptest! {
    #[test]
    fn odd_files_never_panic(
        passwd in proptest::collection::vec(any::<u8>(), 0..300),
        group in "([a-z]{0,3}:?){0,6}(\n|,|[0-9]{0,11}|:){0,20}",
        user in ".{0,20}",
    ) {
        let accounts = Accounts::parse(Some(&passwd), Some(group.as_bytes()));
        let identity = accounts.identity(&User::parse(&user), GroupPart::Counts);
        prop_assert!(identity.uid <= MAX_ID && identity.gid <= MAX_ID);
        let _ = accounts.memberships(&user);
    }
}
