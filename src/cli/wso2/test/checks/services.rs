//! Whether services answer: on each node by itself, and through Weir; and whether their descriptions have public addresses.

use crate::cli::wso2::test::client::{Answer, Envelope, Question};
use crate::cli::wso2::test::ground::{Ground, Reached, described, is_soap};
use crate::cli::wso2::test::places::Door;
use crate::cli::wso2::test::report::{Report, Subject};
use crate::cli::wso2::test::url::Url;
use crate::cli::wso2::test::ways::{GET, Kind, POST};
use crate::config::Pool;
use crate::wso2::{soap, wsdl};

/// One line for each service and each SOAP request on each port of each node, and for each at each site.
pub(super) async fn check(ground: &Ground<'_>, reached: &[Reached<'_>], report: &mut Report) {
    if ground.services.is_empty() && ground.envelopes.is_empty() {
        let why = "no service is named: --service /services/NAME, or [cluster] services = [\"/services/NAME\"]";
        report.skipped(Subject::new("service", "no service"), why);
    }
    for service in &ground.services {
        for (pool, door, target) in ground.takers(GET, &described(service)) {
            for node in reached.iter().filter(|reached| reached.pool.name == pool.name) {
                let subject = Subject::new("service", format!("{service} on {}", place(node)));
                let verdict = on_node(ground, service, node, door, &target).await;
                report.judged(subject, verdict);
            }
        }
        for door in ground.open(Kind::Services) {
            let subject = Subject::new("service", format!("{service} at {}", door.about()));
            match door.asked(Kind::Services, GET, &described(service)) {
                Some((way, _)) => report.judged(subject, at_site(ground, service, door, way.pool).await),
                None => report.skipped(subject, NOT_THERE),
            }
        }
    }
    unasked(ground, report);
    for (service, envelope) in &ground.envelopes {
        for (pool, door, target) in ground.takers(POST, service) {
            for node in reached.iter().filter(|reached| reached.pool.name == pool.name) {
                let verdict = posted(ground, ground.direct(node, Some(door), &target), envelope).await;
                let advice = format!("see wso2carbon.log of {}", node.node.name);
                let subject = Subject::new("soap", format!("{service} on {}", place(node)));
                report.judged(subject, verdict.map_err(|what| (what, advice)));
            }
        }
        for door in ground.open(Kind::Services) {
            let subject = Subject::new("soap", format!("{service} at {}", door.about()));
            if door.asked(Kind::Services, POST, service).is_none() {
                report.skipped(subject, NOT_THERE);
                continue;
            }
            let verdict = posted(ground, ground.client.through(door, service), envelope).await;
            let advice = format!("`weir why {}{service}` says which route and node it goes to", door.origin());
            report.judged(subject, verdict.map_err(|what| (what, advice)));
        }
    }
}

/// Pools of services to which no named service leads.
fn unasked(ground: &Ground<'_>, report: &mut Report) {
    for (pool, _) in ground.entries(&[Kind::Services]) {
        let gets = |service: &String| {
            ground.takers(GET, &described(service)).iter().any(|(other, ..)| other.name == pool.name)
        };
        if !ground.services.is_empty() && !ground.services.iter().any(gets) {
            let why = "no site leads a named service there: --service PATH names one that its nodes have";
            report.skipped(Subject::new("service", format!("pool {}", pool.name)), why);
        }
    }
}

/// Posts the envelope: an envelope without a fault must come back.
async fn posted(
    ground: &Ground<'_>,
    question: Result<Question, String>,
    envelope: &Envelope,
) -> Result<String, String> {
    let question = Question { post: Some(envelope.clone()), ..question? };
    let answer = ground.client.ask(&question).await?;
    let status = answer.status;
    if status == 202 && answer.body.is_empty() {
        return Err("answers 202 with an empty body, as to any path that it does not know, and where nobody waits for an answer"
            .to_owned());
    }
    match soap::fault(&answer.body) {
        Ok(None) if status == 200 => Ok("answers with an envelope".to_owned()),
        Ok(None) => Err(format!("answers {status} with an envelope")),
        Ok(Some(text)) => Err(format!("answers {status} with a fault: {text}")),
        Err(why) => Err(format!("answers {status}, and what comes is no SOAP: {why}")),
    }
}

fn place(node: &Reached<'_>) -> String {
    format!("{}:{}", node.node.name, node.address.port())
}

async fn on_node(
    ground: &Ground<'_>,
    service: &str,
    node: &Reached<'_>,
    door: &Door<'_>,
    target: &str,
) -> Result<String, (String, String)> {
    let name = &node.node.name;
    let question = ground.direct(node, Some(door), target).map_err(|why| (why, String::new()))?;
    let answer = ground.client.ask(&question).await.map_err(|why| (why, format!("see wso2carbon.log of {name}")))?;
    answers(service, &answer).map_err(|what| {
        let advice = format!(
            "{name} lacks what the others have? Look at repository/deployment/server there and at the deployment synchronizer (carbon.xml)"
        );
        (what, advice)
    })?;
    let Some(wrong) = private_address(ground, service, node.pool, &answer).map_err(|what| (what, String::new()))?
    else {
        return Ok(format!("answers {}", answer.status));
    };
    let receiver = if wrong.starts_with("https") { "https" } else { "http" };
    let advice = format!(
        "axis2.xml of {name}: WSDLEPRPrefix of the {receiver} receiver is {receiver}://{}, with a site's port",
        door.host
    );
    Err((format!("its description has the address {wrong}, which is none of a site"), advice))
}

/// Through Weir only what comes of the whole is judged, since each node was asked by itself: some node answers.
async fn at_site(ground: &Ground<'_>, service: &str, door: &Door<'_>, pool: &Pool) -> Result<String, (String, String)> {
    let nodes = pool.members.len().min(MOST_TRIES as usize);
    let mut last = String::new();
    for _ in 0..nodes.max(1) {
        let answer = ground.get(door, &described(service)).await;
        match answer.and_then(|answer| answers(service, &answer).map(|()| answer.status)) {
            Ok(status) => return Ok(format!("{}{service} answers {status}", door.origin())),
            Err(why) => last = why,
        }
    }
    let url = format!("{}{}", door.origin(), described(service));
    Err((last, format!("`weir why {url}` says which route and node it goes to")))
}

const NOT_THERE: &str = "the site leads other paths to its workers, so it is not asked for this one";

/// How many requests a service gets at each site.
pub(super) const MOST_TRIES: u32 = 4;

/// Whether it is the answer of a service that is there.
fn answers(service: &str, answer: &Answer) -> Result<(), String> {
    match answer.status {
        202 if answer.body.is_empty() => {
            Err("answers 202 with an empty body, as to any path that it does not know: the service is not deployed"
                .into())
        }
        200 if is_soap(service) => wsdl::addresses(&answer.body)
            .map(|_| ())
            .map_err(|why| format!("answers 200 to ?wsdl, and what comes is no WSDL: {why}")),
        200..=299 if !is_soap(service) => Ok(()),
        status => Err(format!("answers {status}")),
    }
}

/// An address in the description that no client can use.
fn private_address(ground: &Ground<'_>, service: &str, pool: &Pool, answer: &Answer) -> Result<Option<String>, String> {
    if !is_soap(service) {
        return Ok(None);
    }
    let all = wsdl::addresses(&answer.body)?;
    let web: Vec<_> = all.iter().filter_map(|text| Some((text, Url::parse(text)?))).collect();
    if web.is_empty() {
        return Err("its description has no address of http or https".to_owned());
    }
    Ok(web.into_iter().find(|(_, url)| !ground.is_public(pool, url)).map(|(text, _)| text.clone()))
}
