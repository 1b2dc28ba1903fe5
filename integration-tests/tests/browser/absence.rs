//! The daemon goes away and comes back.

use nettally_integration_tests::harness::browser::Browser;
use nettally_integration_tests::harness::daemon::{Daemon, Setup};

use super::{find, open, until};

#[test]
fn the_page_says_since_when_nobody_answers_and_reconnects() {
    let mut daemon = Daemon::start(&Setup::default());
    let browser = Browser::start();
    open(&browser, &daemon, "");
    let state = format!("{}.dataset.state", find("state"));
    until(&browser, &format!("['live', 'degraded'].includes({state})"));
    let banner = find("banner");
    assert_eq!(browser.run(&format!("return {banner}.hidden")), true);
    daemon.stop();
    until(
        &browser,
        &format!("/does not answer since \\d\\d:\\d\\d:\\d\\d/.test({banner}.textContent)"),
    );
    until(
        &browser,
        &format!("!{banner}.hidden && {state} === 'offline'"),
    );
    daemon.restart().unwrap();
    until(&browser, &format!("['live', 'degraded'].includes({state})"));
    until(&browser, &format!("{banner}.hidden"));
}
