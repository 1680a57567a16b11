use super::*;

#[test]
fn what_is_required_is_in_every_match() {
    for (pattern, run) in [
        (
            r"^registry\.Example\.com/team-12/",
            Some("registry.example.com/team-12/"),
        ),
        ("abc*def", Some("def")),
        ("abcd?ef", Some("abc")),
        ("ab+cd", Some("ab")),
        ("abcx{0,3}d", Some("abc")),
        ("(?:ab|cd)efg(h)", Some("efg")),
        ("(?i)Prod", Some("prod")),
        ("[]abc]def", Some("def")),
        ("[^]a]de", Some("de")),
        ("(a[)]b)cde", Some("cde")),
        (r"\d+-web\b", Some("-web")),
        ("web日db2", Some("web")),
        ("a|b", None),
        ("(?x) a b", None),
        (r"ab\x41", None),
        ("[[:alpha:]]abc", None),
        (".*", None),
    ] {
        assert_eq!(required(pattern).as_deref(), run, "{pattern}");
    }
}
