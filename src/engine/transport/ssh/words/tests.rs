use super::*;

#[tokio::test]
async fn the_end_is_kept_of_what_is_said_without_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w");
    let words = Words::new(&path).unwrap();
    assert_eq!(words.own(), "");
    for _ in 0..20 {
        std::fs::write(&path, "x".repeat(PIECE)).unwrap();
        // A task that listens would do this.
        words.log.readable().await.unwrap();
        words.hear();
    }
    std::fs::write(&path, "the reason\r\n").unwrap();
    words.log.readable().await.unwrap();
    let own = words.own();
    assert!(own.ends_with("the reason\r\n") && own.len() == KEPT);
    assert_eq!(words.others(), "");
}
