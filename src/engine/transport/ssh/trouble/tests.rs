use super::*;

#[test]
fn last_words_are_told_apart() {
    let changed = "@@@@@@@@\n@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\n@@@@\n\
            Host key for [127.0.0.1]:22 has changed and you have requested strict checking.\r\n\
            Host key verification failed.\r\n";
    assert_eq!(SshError::of(changed, ""), SshError::KeyChanged);
    let unknown = "No ED25519 host key is known for web-3 and you have requested strict checking.\r\n\
            Host key verification failed.\r\n";
    assert_eq!(SshError::of(unknown, ""), SshError::KeyUnknown);
    let denied = "me@web-3: Permission denied (publickey).\r\n";
    assert_eq!(
        SshError::of(denied, BANNER),
        SshError::NotLetIn("me@web-3: Permission denied (publickey).".into())
    );
    let name = "ssh: Could not resolve hostname web-3: Name or service not known\r\n\r\n";
    assert_eq!(
        SshError::of(name, BANNER).to_string(),
        "ssh: Could not resolve hostname web-3: Name or service not known"
    );
    assert_eq!(
        SshError::of("", BANNER).to_string(),
        "ssh: it ended without a word"
    );
    let option = "command-line: line 0: Bad configuration option: x\r\n";
    assert_eq!(
        SshError::of("", option),
        SshError::Ssh(option.trim().to_owned())
    );
}

const BANNER: &str = "*** Host key verification failed. Permission denied (publickey). ***\r\n\
        Authorized use only\r\n\r\n";

/// A jump host's own ssh speaks on the standard error, where the banners are.
#[test]
fn where_the_way_broke_off_others_tell_why() {
    let own = "kex_exchange_identification: Connection closed by remote host\r\n\
            Connection closed by UNKNOWN port 65535\r\n";
    let jump = format!("{BANNER}me@jump: Permission denied (publickey).\r\n");
    assert_eq!(
        SshError::of(own, &jump),
        SshError::OnTheWay("me@jump: Permission denied (publickey).".into())
    );
    let jump = format!("{BANNER}ssh: connect to host jump port 22: Connection refused\r\n");
    assert_eq!(
        SshError::of(own, &jump),
        SshError::OnTheWay("connect to host jump port 22: Connection refused".into())
    );
    assert_eq!(
        SshError::of(own, BANNER),
        SshError::Ssh("Connection closed by UNKNOWN port 65535".into())
    );
    // A host that was reached speaks for itself.
    let own = "me@web-3: Permission denied (publickey).";
    assert_eq!(SshError::of(own, &jump), SshError::NotLetIn(own.into()));
}
