//! Events against the real server: what is pushed into a block is what a question gives back.

mod support;

use store::{EventRow, EventsBlock};
use support::Stack;

#[tokio::test]
async fn a_row_lands_and_is_found_again() {
    let stack = Stack::start().await;
    let mut block = EventsBlock::new();
    block.push(&EventRow { tenant: "acme", app_key: "slack.com", occurred_at: 1_700_000_000_000, ..EventRow::EMPTY });
    stack.insert(&block.take(), "t1").await;
    assert_eq!(
        stack.ask("SELECT tenant, app_key, occurred_at FROM events").await,
        "acme\tslack.com\t2023-11-14 22:13:20.000"
    );
    stack.server.stop().await;
}
