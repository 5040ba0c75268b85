//! `sticky` of a `[[pool]]`: how the node of a session is found.

use std::sync::Arc;
use std::time::Duration;

use crate::config::model::{Failback, OwnCookie, SameSite, Sticky, StickyMode};
use crate::config::text::choices;
use crate::config::text::errors::Wrong;
use crate::config::text::section::Section;
use crate::config::text::words::{is_token, quoted};
use crate::config::values::{paths, wso2};

/// Reads the table of a pool on this port. Every key is read in every mode. A key that the mode does not use is refused.
pub(crate) fn read(section: &Section<'_>, port: u16) -> Sticky {
    let mode: choices::StickyMode = section.choice("mode").unwrap_or_default();
    let own = own_cookie(section);
    let cookie = section.parsed("cookie", cookie_name);
    let failback = failback(section, mode);
    refuse_strangers(section, mode);
    if has_table(mode) {
        warn_of_idle(section, port);
    }
    let (mode, usual) = match mode {
        choices::StickyMode::Learn => (StickyMode::Learn, "JSESSIONID"),
        choices::StickyMode::Cookie => (StickyMode::Cookie(own), "WEIRNODE"),
        choices::StickyMode::Route => (StickyMode::Route, "JSESSIONID"),
        choices::StickyMode::Source => (StickyMode::Source, ""),
    };
    Sticky {
        mode,
        cookie: cookie.unwrap_or_else(|| usual.into()),
        idle: section.duration("idle"),
        max_sessions: usize::try_from(section.integer::<u64>("max-sessions")).unwrap_or(usize::MAX),
        failback,
        on_lost: section.choice("on-lost").unwrap_or_default(),
    }
}

fn refuse_strangers(section: &Section<'_>, mode: choices::StickyMode) {
    let why = format!("with mode = {:?}", <&str>::from(mode));
    if mode != choices::StickyMode::Cookie {
        section.no_effect(&OF_OWN_COOKIE, &why, "leave it out, or write mode = \"cookie\"");
    }
    if mode == choices::StickyMode::Source {
        section.no_effect(&["cookie"], &why, "leave it out: the client's address is what counts");
    }
    if !has_table(mode) {
        section.no_effect(&["max-sessions"], &why, "leave it out: the client keeps what tells its node");
    }
}

/// Warns of a session that Weir forgets while the node still knows it: its next request may go to another node.
fn warn_of_idle(section: &Section<'_>, port: u16) {
    let (minutes, whose) = if wso2::is_carbon(port) {
        (15, "WSO2's management console")
    } else {
        (30, "Tomcat and other servlet containers")
    };
    if section.duration("idle") < Duration::from_secs(minutes * 60) {
        let what = format!(
            "idle is shorter than the session timeout of {whose}, which is {minutes} minutes if nobody changed it"
        );
        let advice = "write a little more than the nodes' own session timeout: Weir forgets a session after this time, and its next request may reach a node that does not know it";
        section.problems.warning(section.place_of("idle"), what, advice);
    }
}

fn own_cookie(section: &Section<'_>) -> OwnCookie {
    let secure = section.optional_flag("secure");
    let same_site = section.choice("same-site").unwrap_or_default();
    if same_site == SameSite::None && secure == Some(false) {
        let what = "same-site = \"none\" needs Secure: browsers drop such a cookie";
        section.refuse("same-site", what, "leave secure = false out, or write same-site = \"lax\"");
    }
    OwnCookie {
        path: section.parsed("path", cookie_path).unwrap_or_else(|| "/".into()),
        secure,
        http_only: section.flag("http-only"),
        same_site,
    }
}

fn failback(section: &Section<'_>, mode: choices::StickyMode) -> Failback {
    let pause = section.duration("failback-idle");
    let written = section.choice("failback").unwrap_or_default();
    if written != choices::Failback::WhenIdle {
        let advice = "leave it out, or write failback = \"when-idle\"";
        section.no_effect(&["failback-idle"], "without failback = \"when-idle\"", advice);
    } else if !has_table(mode) {
        let mode = <&str>::from(mode);
        let what = format!("failback = \"when-idle\" does not go with mode = {mode:?}: nobody counts the pause");
        section.refuse("failback", what, "write \"stay\" or \"return\"");
    }
    match written {
        choices::Failback::Stay => Failback::Stay,
        choices::Failback::WhenIdle => Failback::WhenIdle(pause),
        choices::Failback::Return => Failback::Return,
    }
}

/// Whether Weir remembers the sessions of this mode itself.
fn has_table(mode: choices::StickyMode) -> bool {
    matches!(mode, choices::StickyMode::Learn | choices::StickyMode::Source)
}

/// The name of a cookie.
pub(crate) fn cookie_name(text: &str) -> Result<Arc<str>, Wrong> {
    match is_token(text) {
        true => Ok(text.into()),
        false => Err(Wrong::new(
            format!("{} is no cookie name", quoted(text)),
            "write \"JSESSIONID\" or your application's own",
        )),
    }
}

// A semicolon would end the cookie's attribute.
pub(crate) fn cookie_path(text: &str) -> Result<Arc<str>, Wrong> {
    match text.split_once([';', '?']) {
        Some(_) => Err(Wrong::new(
            format!("{} is no path of a cookie", quoted(text)),
            "write a path alone, as in \"/services\"",
        )),
        None => paths::in_a_request(text),
    }
}

const OF_OWN_COOKIE: [&str; 4] = ["path", "secure", "http-only", "same-site"];
