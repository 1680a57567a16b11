use serde_json::json;

use super::*;

#[test]
fn a_chain_is_named_after_all_that_is_below() {
    let chains = chains(&json!(["sha256:a", "sha256:b"])).expect("chains");
    assert_eq!(chains[0], ChainId::new("sha256:a"));
    let both = hex(&Sha256::digest("sha256:a sha256:b"));
    assert_eq!(chains[1], ChainId::new(format!("sha256:{both}")));
}
