//! Both listing forms mean the same sources, and a wrong one says where.

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, files: &[(&str, &str)]) -> Folder {
        let folder = std::env::temp_dir().join(format!("tidegate-compose-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (file, text) in files {
            std::fs::write(folder.join(file), text).unwrap();
        }
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

const ROVER: &str = "federation_version: =2.9.0\nsubgraphs:\n  employees:\n    routing_url: http://e\n    \
                     schema: {file: employees.graphql}\n  events:\n    schema: {file: ./events.graphql}\n";
const COSMO: &str = "version: 1\nsubgraphs:\n  - name: employees\n    routing_url: http://e\n    \
                     schema: {file: employees.graphql}\n  - name: events\n    \
                     schema: {file: events.graphql}\n";

#[test]
fn rovers_and_cosmos_listings_mean_the_same() {
    for (name, listing) in [("rover", ROVER), ("cosmo", COSMO)] {
        let files = [("list.yaml", listing), ("employees.graphql", "type A"), ("events.graphql", "type B")];
        let folder = Folder::with(name, &files);
        let sources = read_sources(&folder.0.join("list.yaml")).unwrap();
        let seen: Vec<_> = sources
            .iter()
            .map(|source| (source.name.as_str(), source.routing_url.as_deref(), source.sdl.as_str()))
            .collect();
        assert_eq!(seen, [("employees", Some("http://e"), "type A"), ("events", None, "type B")], "{name}");
    }
}

#[test]
fn a_wrong_listing_says_what_and_where() {
    let table = [
        ("subgraphs: {a: {routing_ulr: x, schema: {file: f}}}", "did you mean `routing_url`?"),
        ("subgraphs: {a: {routing_url: x}}", "`subgraphs.a.schema` is missing"),
        ("subgraphs: [{name: a, schema: {subgraph_url: x}}]", "`subgraphs[0].schema.file` is missing"),
        ("subgraphs: 5", "`subgraphs` must be a mapping"),
        ("{}", "`subgraphs` is missing"),
        ("subgraphs: {a: {schema: {file: nowhere.graphql}}}", "subgraph `a` has no schema"),
    ];
    let folder = Folder::with("wrong", &[]);
    let file = folder.0.join("list.yaml");
    for (text, message) in table {
        std::fs::write(&file, text).unwrap();
        let shown = format!("{:?}", read_sources(&file).expect_err(text));
        assert!(shown.contains(message), "{text}:\n{shown}");
    }
}

#[test]
fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
    let folder = Folder::with("write", &[("out.graphql", "old")]);
    let file = folder.0.join("out.graphql");
    write_whole(&file, "new").unwrap();
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "new");
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 1);
    assert!(write_whole(&folder.0.join("none/out.graphql"), "new").is_err());
}
