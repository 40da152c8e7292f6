//! The page's settings are in it, and nothing in them can leave their script element.

use super::*;

fn settings_in(html: &str) -> serde_json::Value {
    let (_, rest) = html.split_once(r#"id="tidegate-config">"#).unwrap();
    let (json, _) = rest.split_once("</script>").unwrap();
    serde_json::from_str(json).unwrap()
}

#[test]
fn settings_survive_the_page() {
    let hostile = "</script><script>alert(1)</script><!-- & \u{2028} \\ \" {}";
    let tab = Tab { query: hostile.into(), variables: None, headers: Some("{\"a\":\"b\"}".into()) };
    let settings =
        ConsoleSettings { endpoint: "/graphql".into(), title: hostile.into(), tabs: vec![tab.clone()] };
    let html = html(&settings);
    assert_eq!(html.matches("<script").count(), HTML.matches("<script").count());
    assert_eq!(html.matches("<!--").count(), HTML.matches("<!--").count());
    let read = settings_in(&html);
    assert_eq!(read["title"], hostile);
    assert_eq!(read["tabs"][0]["query"], hostile);
    assert_eq!(read["tabs"][0]["headers"], "{\"a\":\"b\"}");
    assert!(read["tabs"][0].get("variables").is_none());
}

#[test]
fn the_page_loads_only_what_is_served_with_it() {
    let pages = pages(&ConsoleSettings::default());
    let html = String::from_utf8(pages[0].bytes.to_vec()).unwrap();
    assert_eq!(settings_in(&html)["tabs"], json!([]));
    let mut loaded: Vec<String> = Vec::new();
    for attribute in ["src=\"", "href=\""] {
        loaded.extend(
            html.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()).map(String::from),
        );
    }
    loaded.retain(|url| !url.starts_with("data:"));
    assert_eq!(loaded.len(), 2, "{loaded:?}");
    for url in loaded {
        let path = url.strip_prefix('.').expect("relative, so that the page works behind a path");
        assert!(pages.iter().any(|page| page.path == path), "{url} is not served");
    }
}

#[test]
fn compressed_assets_are_gzip_and_say_so() {
    for page in pages(&ConsoleSettings::default()) {
        let is_gzip = page.bytes.starts_with(&[0x1f, 0x8b]);
        assert_eq!(page.content_encoding.as_deref() == Some("gzip"), is_gzip, "{}", page.path);
    }
}
