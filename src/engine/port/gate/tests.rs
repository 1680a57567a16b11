use super::*;

#[test]
fn a_shut_gate_lets_nothing_through() {
    assert!(Gate::new(false).pass(|| "a removal".to_owned()).is_ok());
    let refused = Gate::new(true).pass(|| "a removal".to_owned());
    let error = refused.expect_err("a refusal").to_string();
    assert_eq!(error, "read-only: a removal was not done");
}
