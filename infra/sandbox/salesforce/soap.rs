//! The login call of the SOAP API: username, password and security token in, a session out. The rest of
//! SOAP isn't here; clients use the session with REST.
//!
//! https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_login.htm

use super::answer::Answer;
use super::asked::Asked;
use super::org::Org;
use super::tokens::Grantee;
use crate::markup::{escaped, unescaped};

/// `POST /services/Soap/u/{version}` or `/c/…`
pub(crate) fn answer(org: &mut Org, asked: &Asked<'_>) -> Answer {
    let body = String::from_utf8_lossy(asked.body);
    let (Some(username), Some(password)) = (element(&body, "username"), element(&body, "password")) else {
        return fault("UNKNOWN_EXCEPTION", "UNKNOWN_EXCEPTION: only the login call is known here");
    };
    let version = asked.path.split('/').nth(4).unwrap_or("67.0").to_owned();
    let Some(user) = org.user_with_password(&username, &password) else {
        return fault(
            "INVALID_LOGIN",
            "INVALID_LOGIN: Invalid username, password, security token; or user locked out.",
        );
    };
    if !org.count_login(&user) {
        return fault("LOGIN_RATE_EXCEEDED", "LOGIN_RATE_EXCEEDED: login rate exceeded");
    }
    let session = org.open_session(&Grantee::new("SOAP", &user, "full"));
    let person = org.store.table("User").get(&user).cloned();
    let text = |field: &str| person.as_ref().map(|it| escaped(it.text(field))).unwrap_or_default();
    let server = format!("{}/services/Soap/u/{version}/{}", org.instance_url(asked), &org.organization[..15]);
    let body = format!(
        "<loginResponse><result><metadataServerUrl>{metadata}</metadataServerUrl><passwordExpired>false</passwordExpired>\
         <sandbox>true</sandbox><serverUrl>{server}</serverUrl><sessionId>{session}</sessionId><userId>{user}</userId>\
         <userInfo><organizationId>{organization}</organizationId><organizationName>{name}</organizationName>\
         <sessionSecondsValid>{seconds}</sessionSecondsValid><userEmail>{email}</userEmail>\
         <userFullName>{full}</userFullName><userId>{user}</userId><userLanguage>en_US</userLanguage>\
         <userLocale>en_GB</userLocale><userName>{username}</userName><userTimeZone>{zone}</userTimeZone>\
         <userType>Standard</userType></userInfo></result></loginResponse>",
        metadata = server.replace("/u/", "/m/"),
        organization = org.organization,
        name = escaped(&org.options.organization_name),
        seconds = org.options.session_seconds,
        email = text("Email"),
        full = text("Name"),
        username = text("Username"),
        zone = text("TimeZoneSidKey"),
    );
    envelope(200, &body)
}

fn fault(code: &str, message: &str) -> Answer {
    envelope(
        500,
        &format!(
            "<soapenv:Fault><faultcode>sf:{code}</faultcode><faultstring>{message}</faultstring><detail>\
             <sf:LoginFault xsi:type=\"sf:LoginFault\"><sf:exceptionCode>{code}</sf:exceptionCode>\
             <sf:exceptionMessage>{message}</sf:exceptionMessage></sf:LoginFault></detail></soapenv:Fault>"
        ),
    )
}

fn envelope(status: u16, body: &str) -> Answer {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><soapenv:Envelope \
         xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" xmlns=\"urn:partner.soap.sforce.com\" \
         xmlns:sf=\"urn:fault.partner.soap.sforce.com\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    );
    Answer::text(status, "text/xml; charset=utf-8", &text)
}

/// The text of the first element with this local name, whatever its prefix.
fn element(body: &str, name: &str) -> Option<String> {
    let opening = body.match_indices('<').find(|(at, _)| {
        let tag = &body[at + 1..];
        let tag = &tag[..tag.find('>').unwrap_or(0)];
        tag.split_whitespace().next().is_some_and(|tag| tag.rsplit(':').next() == Some(name))
    });
    let start = opening?.0;
    let start = start + body[start..].find('>')? + 1;
    let text = &body[start..start + body[start..].find("</")?];
    let text = text.trim().strip_prefix("<![CDATA[").and_then(|it| it.strip_suffix("]]>")).unwrap_or(text);
    Some(unescaped(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_found_under_any_prefix_and_its_entities_are_read() {
        let body = "<e:Body><n1:login xmlns:n1=\"u\"><n1:username>a&amp;b</n1:username><p>x</p></n1:login>";
        assert_eq!(element(body, "username").as_deref(), Some("a&b"));
        assert_eq!(element(body, "password"), None);
    }
}
