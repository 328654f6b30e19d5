use super::*;
use proptest::prelude::*;

/// As VMware writes it.
fn document(properties: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<Environment
     xmlns="http://schemas.dmtf.org/ovf/environment/1"
     xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
     xmlns:oe="http://schemas.dmtf.org/ovf/environment/1"
     xmlns:ve="http://www.vmware.com/schema/ovfenv"
     oe:id=""
     ve:vCenterId="vm-12">
   <PlatformSection>
      <Kind>VMware ESXi</Kind>
      <Version>7.0.3</Version>
   </PlatformSection>
   <PropertySection>
         {properties}
   </PropertySection>
   <ve:EthernetAdapterSection>
      <ve:Adapter ve:mac="00:50:56:00:00:01" ve:network="VM Network" ve:unitNumber="7"/>
   </ve:EthernetAdapterSection>
   <Entity oe:id="sibling"><PropertySection><Property oe:key="user-data" oe:value="bm90IG1pbmU="/></PropertySection></Entity>
</Environment>"#
    )
}

fn property(bytes: &[u8]) -> String {
    format!("<Property oe:key=\"hostname\" oe:value=\"x\"/><Property oe:key=\"user-data\" oe:value=\"{}\"/>", STANDARD.encode(bytes))
}

fn refuse(text: &str) -> OvfError {
    user_data(text.as_bytes()).expect_err(text)
}

#[test]
fn user_data_of_this_machine_is_found() {
    let text = b"[settings]\nmotd = \"from the disc\"\n";
    assert_eq!(user_data(document(&property(text)).as_bytes()).expect("read").as_deref(), Some(text.as_slice()));
}

#[test]
fn folded_base64_and_gzip_are_taken_as_they_are() {
    let folded = "<Property oe:key=\"user-data\" oe:value=\"H4sI\n  AAAA\"></Property>";
    assert_eq!(user_data(document(folded).as_bytes()).expect("read"), Some(vec![0x1f, 0x8b, 8, 0, 0, 0]));
}

#[test]
fn a_document_without_the_property_has_none() {
    assert_eq!(user_data(document("").as_bytes()).expect("read"), None);
    assert_eq!(user_data(b"<Environment/>").expect("read"), None);
}

#[test]
fn wrong_documents_are_refused_with_the_reason() {
    let user = property(b"x");
    assert!(matches!(refuse(""), OvfError::NotAnEnvironment));
    assert!(matches!(refuse("no xml"), OvfError::NotAnEnvironment));
    assert!(matches!(refuse("<html></html>"), OvfError::NotAnEnvironment));
    assert!(matches!(refuse("<Environment/><Environment/>"), OvfError::NotAnEnvironment));
    assert!(matches!(refuse("<Environment><a></Environment>"), OvfError::Xml(_)));
    assert!(matches!(refuse("<Environment>"), OvfError::Cut));
    assert!(matches!(refuse(&document(&format!("{user}{user}"))), OvfError::Twice));
    assert!(matches!(refuse(&document("<Property oe:key='user-data'/>")), OvfError::NoValue));
    assert!(matches!(refuse(&document("<Property oe:key='user-data' oe:value='%%'/>")), OvfError::Base64(_)));
    assert!(matches!(refuse(&document("<Property oe:key='user-data' oe:value='&amp;'/>")), OvfError::Base64(_)));
    assert!(matches!(refuse(&document("<Property oe:key='user-data' oe:value='&x;'/>")), OvfError::Xml(_)));
    assert!(matches!(refuse(&document(&property(&vec![b'#'; MAX_USER_DATA + 1]))), OvfError::TooLong));
    assert!(matches!(refuse(&" ".repeat(MAX_DOCUMENT + 1)), OvfError::DocumentTooLong));
    assert!(matches!(refuse(&format!("<Environment>{}", "<a>".repeat(40_000))), OvfError::Deep));
}

#[test]
fn entities_do_not_grow() {
    let laughs = "<!DOCTYPE x [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;\">]><Environment><PropertySection><Property key='user-data' value='&b;'/></PropertySection></Environment>";
    assert!(matches!(refuse(laughs), OvfError::DocType));
}

proptest! {
    #[test]
    fn what_was_put_in_comes_out(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert_eq!(user_data(document(&property(&bytes)).as_bytes()).expect("read"), Some(bytes));
    }

    #[test]
    fn any_bytes_are_survived(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = user_data(&bytes);
    }
}
