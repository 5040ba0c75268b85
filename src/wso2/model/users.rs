//! user-mgt.xml as plain values: the database of users and roles, and who the administrator is.

use crate::config::Place;
use crate::wso2::files::Written;
use crate::wso2::files::xml::Element;

/// What of user-mgt.xml matters to a cluster.
pub(crate) struct Users {
    /// The JNDI name of the datasource.
    pub(crate) source: Option<Written>,
    pub(crate) admin: Option<Written>,
    pub(crate) admin_role: Option<Written>,
    pub(crate) everyone: Option<Written>,
    /// The class of the first user store.
    pub(crate) store: Option<Written>,
    /// The administrator's password, if it is the one that is shipped. It is kept nowhere.
    pub(crate) shipped_password: Option<Place>,
}

impl Users {
    pub(crate) fn read(root: Element<'_>) -> Self {
        let realm = root.child("Realm");
        let configuration = realm.and_then(|realm| realm.child("Configuration"));
        let admin = configuration.and_then(|configuration| configuration.child("AdminUser"));
        let said = |name| configuration.and_then(|configuration| configuration.said(name));
        let is_source = |one: &Element<'_>| one.raw("name").is_some_and(|name| name.text == "dataSource");
        let password = admin.and_then(|admin| admin.child("Password")).filter(|password| !password.has_alias());
        let password = password.map(|password| password.text());
        Self {
            source: configuration
                .and_then(|configuration| configuration.children("Property").find(is_source))
                .map(|source| source.text())
                .filter(|source| !source.text.is_empty()),
            admin: admin.and_then(|admin| admin.said("UserName")),
            admin_role: said("AdminRole"),
            everyone: said("EveryOneRoleName"),
            store: realm.and_then(|realm| realm.child("UserStoreManager")).and_then(|store| store.attribute("class")),
            shipped_password: password.filter(|password| password.text == "admin").map(|password| password.at),
        }
    }
}
