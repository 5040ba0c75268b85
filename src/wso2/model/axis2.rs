//! axis2.xml as plain values: the receivers and the clustering element.

use crate::config::Place;
use crate::wso2::files::Written;
use crate::wso2::files::xml::Element;

/// What of axis2.xml matters to a cluster.
pub(crate) struct Axis2 {
    /// The whole file.
    pub(crate) at: Place,
    /// The first one counts.
    pub(crate) clustering: Vec<Clustering>,
    pub(crate) receivers: Vec<Receiver>,
}

/// `clustering`
pub(crate) struct Clustering {
    pub(crate) at: Place,
    pub(crate) enable: Option<Written>,
    pub(crate) class: Option<Written>,
    /// Parameters with their names, and the names with their places.
    pub(crate) parameters: Vec<(Written, Written)>,
    /// `property` elements: name and value.
    pub(crate) properties: Vec<(Written, Written)>,
    pub(crate) members: Vec<MemberEntry>,
    /// `enable` of groupManagement.
    pub(crate) group_management: Option<Written>,
}

/// `member`
pub(crate) struct MemberEntry {
    pub(crate) at: Place,
    pub(crate) host: Option<Written>,
    pub(crate) port: Option<Written>,
}

/// `transportReceiver`
pub(crate) struct Receiver {
    pub(crate) at: Place,
    pub(crate) name: String,
    pub(crate) class: String,
    pub(crate) parameters: Vec<(Written, Written)>,
    pub(crate) keystore: Option<Written>,
}

impl Axis2 {
    pub(crate) fn read(root: Element<'_>) -> Self {
        Self {
            at: root.at(),
            clustering: root.children("clustering").map(clustering).collect(),
            receivers: root.children("transportReceiver").map(receiver).collect(),
        }
    }
}

impl Clustering {
    /// A parameter that is written and not empty.
    pub(crate) fn parameter(&self, name: &str) -> Option<&Written> {
        parameter(&self.parameters, name)
    }

    pub(crate) fn property(&self, name: &str) -> Option<&Written> {
        parameter(&self.properties, name)
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.enable.as_ref().is_some_and(Written::is_true)
    }

    /// Its port for messages of the cluster. `None`: what is written is no port.
    pub(crate) fn member_port(&self) -> Option<u16> {
        self.parameter("localMemberPort").map_or(Some(4000), Written::port)
    }

    /// Without a scheme members are found by multicast.
    pub(crate) fn is_multicast(&self) -> bool {
        self.parameter("membershipScheme").is_none_or(|scheme| scheme.text == "multicast")
    }

    pub(crate) fn is_wka(&self) -> bool {
        self.parameter("membershipScheme").is_some_and(|scheme| scheme.text == "wka")
    }
}

impl Receiver {
    /// Of two with one name the last counts.
    pub(crate) fn parameter(&self, name: &str) -> Option<&Written> {
        let (_, value) = self.parameters.iter().rev().find(|(known, _)| known.text == name)?;
        Some(value).filter(|value| !value.text.is_empty())
    }

    /// Whether it speaks TLS. Of the transports of Synapse the class decides, not the name.
    pub(crate) fn is_tls(&self) -> bool {
        let of_synapse = self.class.contains("PassThrough") || self.class.contains("HttpCoreNIO");
        if of_synapse { self.class.contains("SSL") } else { self.name == "https" }
    }
}

fn parameter<'a>(all: &'a [(Written, Written)], name: &str) -> Option<&'a Written> {
    all.iter().find(|(known, value)| known.text == name && !value.text.is_empty()).map(|(_, value)| value)
}

fn clustering(element: Element<'_>) -> Clustering {
    let properties = element.children("parameter").flat_map(|parameter| parameter.children("property"));
    let member =
        |member: Element<'_>| MemberEntry { at: member.at(), host: member.said("hostName"), port: member.said("port") };
    Clustering {
        at: element.at(),
        enable: element.attribute("enable"),
        class: element.attribute("class"),
        parameters: parameters(element),
        properties: properties.filter_map(|one| Some((one.raw("name")?, one.attribute("value")?))).collect(),
        members: element.children("members").flat_map(|members| members.children("member")).map(member).collect(),
        group_management: element.child("groupManagement").and_then(|management| management.attribute("enable")),
    }
}

fn receiver(element: Element<'_>) -> Receiver {
    let text = |name| element.attribute(name).map(|said| said.text).unwrap_or_default();
    Receiver {
        at: element.at(),
        name: text("name"),
        class: text("class"),
        parameters: parameters(element),
        keystore: element.all("KeyStore").find_map(|store| store.said("Location")),
    }
}

fn parameters(element: Element<'_>) -> Vec<(Written, Written)> {
    let value = |one: &Element<'_>| match one.text() {
        // Servers trim the other parameters. Of this one blanks are part of the name by which members find each other.
        said if one.attribute("name").is_some_and(|name| name.text == "domain") && !said.text.is_empty() => {
            one.whole_text()
        }
        said => said,
    };
    element.children("parameter").filter_map(|one| Some((one.raw("name")?, value(&one)))).collect()
}
