use super::*;
use crate::domain::plan::scene::{at, mounting, stopped, volume};
use crate::engine::scan::fake::Fake;

#[tokio::test(start_paused = true)]
async fn a_volume_of_this_second_is_looked_at_again_in_the_next() {
    let fake = Fake::new();
    let since = clock::now();
    let made = |created| {
        let mut made = volume("data", 1);
        made.created = Some(created);
        vec![made]
    };
    *fake.volumes.lock().unwrap() = made(at(7));
    let held = [mounting(stopped("db", "x"), &["data"])];
    let again = |volumes, containers| relist_same_second(&fake, volumes, containers, since);
    assert_eq!(again(made(since), &[]).await, Ok(made(at(7))));
    assert_eq!(again(made(since), &held).await, Ok(made(since)));
    assert_eq!(again(made(at(3)), &[]).await, Ok(made(at(3))));
}
