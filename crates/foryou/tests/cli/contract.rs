//! What the API promises and what it does: the schema against the service, limits by name, who writes and who only looks.

use std::time::{Duration, Instant};

use serde_json::{Map, Value, json as value};

use crate::common::{Service, post_ids};

/// Every value under a key anywhere in a document.
fn all<'a>(document: &'a Value, key: &str, found: &mut Vec<&'a Value>) {
    match document {
        Value::Object(map) => {
            found.extend(map.get(key));
            map.values().for_each(|v| all(v, key, found));
        }
        Value::Array(entries) => entries.iter().for_each(|v| all(v, key, found)),
        _ => {}
    }
}

#[test]
fn the_description_is_whole_and_of_this_folder() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::over_events(dir.path());
    let (status, api) = service.get("/openapi.json");
    assert_eq!(status, 200);
    assert!(api["openapi"].as_str().unwrap().starts_with("3.1."));

    let mut references = Vec::new();
    all(&api, "$ref", &mut references);
    assert!(references.len() > 40, "{}", references.len());
    for reference in references {
        let place = reference.as_str().unwrap().trim_start_matches('#');
        assert!(api.pointer(place).is_some(), "{place} is nowhere");
    }
    let names: Vec<_> = api["paths"]["/v1/feed"]["get"]["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (&p["name"], &p["in"], &p["required"]))
        .collect();
    assert_eq!(names.len(), 10);
    assert!(names.iter().all(|(_, place, _)| *place == "query"), "{names:?}");
    assert!(names.iter().all(|(name, _, required)| **required == (*name == "user")), "{names:?}");
    for (path, operations) in api["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                if !status.starts_with('2') {
                    let kinds: Vec<_> = response["content"].as_object().unwrap().keys().collect();
                    assert_eq!(kinds, ["application/problem+json"], "{method} {path} {status}");
                }
            }
        }
    }
    for status in ["400", "403", "413", "415", "503"] {
        for (path, method) in [("/v1/feed", "post"), ("/v1/feed", "get"), ("/v1/events", "post")] {
            assert!(api["paths"][path][method]["responses"][status].is_object(), "{method} {path} {status}");
        }
    }
    let schemas = &api["components"]["schemas"];
    assert_eq!(schemas["Event"]["oneOf"].as_array().unwrap().len(), 17);
    assert_eq!(schemas["Event"]["discriminator"]["propertyName"], "type");
    let actions: Vec<_> =
        foryou_types::ActionSet::for_you().actions.into_iter().map(|a| Value::String(a.name)).collect();
    assert_eq!(schemas["ActionEvent"]["properties"]["action"]["enum"], Value::Array(actions));
    assert_eq!(schemas["FeedRequest"]["required"], value!(["user_id"]));
    assert_eq!(schemas["FeedRequest"]["additionalProperties"], false);
}

/// Values at the limits of a schema that are taken, and values beyond that are not.
fn edges(schema: &Value, all: &Map<String, Value>) -> (Vec<Value>, Vec<Value>) {
    if let Some(name) = schema["$ref"].as_str() {
        return edges(&all[name.trim_start_matches("#/components/schemas/")], all);
    }
    if let Some(alternatives) = schema["anyOf"].as_array() {
        let (mut good, mut bad) = edges(&alternatives[0], all);
        for other in &alternatives[1..] {
            good.extend(edges(other, all).0);
        }
        bad.push(value!({"no": "such form"}));
        return (good, bad);
    }
    let text = |n: usize| Value::String("Z".repeat(n));
    match schema["type"].as_str().unwrap_or_default() {
        "null" => (vec![Value::Null], vec![]),
        "boolean" => (vec![value!(true), value!(false)], vec![value!("true"), value!(1)]),
        "integer" => {
            let (least, most) = (schema["minimum"].as_i64().unwrap(), schema["maximum"].as_u64().unwrap());
            let mut bad = vec![value!(1.5), value!("x")];
            bad.extend(least.checked_sub(1).map(Value::from));
            bad.extend(most.checked_add(1).map(Value::from));
            (vec![value!(least), value!(most)], bad)
        }
        "string" if schema["enum"].is_array() => {
            (schema["enum"].as_array().unwrap().clone(), vec![value!("no such name"), value!(1)])
        }
        "string" if schema["maxLength"].is_null() => (vec![value!("2023-11-15T00:00:00Z")], vec![value!("noon")]),
        // A cursor is more than its form.
        "string" if schema["pattern"] == "^[A-Za-z0-9_-]+$" => {
            (vec![], vec![value!("AAAA"), value!(""), text(100_000)])
        }
        "string" if schema["pattern"].as_str().is_some_and(|p| p.contains("[0-9]")) => {
            (vec![value!("1007")], vec![value!(""), value!("0"), value!("bob"), text(257)])
        }
        "string" => {
            let most = schema["maxLength"].as_u64().unwrap() as usize;
            (vec![text(most), value!("")], vec![text(most + 1), value!(3)])
        }
        "array" => {
            let most = schema["maxItems"].as_u64().unwrap() as usize;
            let (one, bad) = edges(&schema["items"], all);
            let mut bad: Vec<_> = bad.into_iter().map(|b| value!([b])).collect();
            bad.extend([value!(vec![one[0].clone(); most + 1]), value!({})]);
            (vec![value!([]), value!(vec![one[0].clone(); most])], bad)
        }
        "object" => {
            let (mut example, mut bad) = (Map::new(), Vec::new());
            for (key, property) in schema["properties"].as_object().unwrap() {
                let (good, _) = edges(property, all);
                // The smallest list that is allowed.
                let least = property["minItems"].as_u64().unwrap_or_default() as usize;
                example.insert(key.clone(), if least > 0 { value!([1]) } else { good[0].clone() });
            }
            for (key, property) in schema["properties"].as_object().unwrap() {
                for wrong in edges(property, all).1 {
                    let mut object = example.clone();
                    object.insert(key.clone(), wrong);
                    bad.push(Value::Object(object));
                }
                let mut object = example.clone();
                object.remove(key);
                bad.push(Value::Object(object));
            }
            let mut more = example.clone();
            more.insert("colour".to_owned(), value!("red"));
            bad.push(Value::Object(more));
            (vec![Value::Object(example)], bad)
        }
        other => panic!("{other:?} in {schema}"),
    }
}

#[test]
fn a_feed_request_is_taken_at_the_limits_of_the_schema_and_refused_beyond() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::over_events(dir.path());
    let (_, api) = service.get("/openapi.json");
    let schemas = api["components"]["schemas"].as_object().unwrap();
    let mut tried = 0;
    for (key, property) in schemas["FeedRequest"]["properties"].as_object().unwrap() {
        let ask = |given: &Value| {
            let mut request = value!({"user_id": 1007, "record": false, "limit": 5});
            request[key] = given.clone();
            service.post("/v1/feed", &request.to_string())
        };
        let property = if property["type"].is_array() {
            let mut property = property.clone();
            property["type"] = property["type"][0].clone();
            property
        } else {
            property.clone()
        };
        let (good, bad) = edges(&property, schemas);
        for given in good {
            let (status, answer) = ask(&given);
            assert_eq!(status, 200, "{key}: {:.100}: {answer}", given.to_string());
            tried += 1;
        }
        for given in bad {
            let (status, problem) = ask(&given);
            assert_eq!(status, 400, "{key}: {:.100}: {:.300}", given.to_string(), problem.to_string());
            assert!(problem["detail"].as_str().unwrap().len() < 1_000, "{key}: {:.300}", problem.to_string());
            tried += 1;
        }
    }
    assert!(tried > 100, "{tried}");
    let (status, problem) =
        service.post("/v1/feed", &value!({"user_id": 1, "surface": "x".repeat(1 << 20)}).to_string());
    assert_eq!(
        (status, problem["detail"].as_str().unwrap().len()),
        (400, 1_000),
        "what was sent is not sent back whole"
    );
    for body in ["{}", r#"{"limit": 5}"#, r#"{"user_id": null}"#, r#"{"user_id": 1, "colour": "red"}"#, "[]", "1"] {
        assert_eq!(service.post("/v1/feed", body).0, 400, "{body}");
    }
}

#[test]
fn nothing_of_any_length_comes_in() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::over_events(dir.path());
    let long = "x".repeat(10 << 20);
    let (status, problem) = service.post("/v1/feed", &value!({"user_id": 1, "country_code": long}).to_string());
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().unwrap().starts_with("country_code: has "), "{problem}");
    let post = value!({"type": "post", "post_id": 77_777_777, "author_id": 1, "text": long});
    let (status, answer) = service.post("/v1/events", &value!({ "events": [post] }).to_string());
    assert_eq!((status, &answer["accepted"]), (200, &value!(0)), "{answer}");
    let reason = answer["rejected"][0]["reason"].as_str().unwrap();
    assert_eq!(reason, "text: has 10485760 characters, at most 25000 are taken");
    assert!(answer["position"].is_string(), "{answer}");
}

#[test]
fn bloom_filters_cost_little_whatever_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::over_events(dir.path());
    // Almost full: every question is asked to its end.
    let mut bits = vec![255u8; 64 << 10];
    bits[9] = 254;
    let filter = |seed: u64| value!({"bits": bits, "num_hashes": 32, "seed": seed, "count": 1, "created_at": 0});
    let ask = |filters: Vec<Value>| {
        let body = value!({"user_id": 1007, "record": false, "bloom_filter_entries": filters}).to_string();
        let started = Instant::now();
        (service.post("/v1/feed", &body), started.elapsed())
    };
    let ((status, answer), time) = ask((0..32).map(filter).collect());
    assert_eq!(status, 200, "{answer}");
    assert!(time < Duration::from_secs(4), "{time:?}");
    let ((status, problem), _) =
        ask(vec![value!({"bits": [1], "num_hashes": 1, "seed": 1, "count": 1, "created_at": 0}); 33]);
    assert_eq!(
        (status, problem["detail"].as_str()),
        (400, Some("bloom_filter_entries: has 33 entries, at most 32 are taken"))
    );
    let large = value!({"bits": vec![1u8; (64 << 10) + 1], "num_hashes": 1, "seed": 1, "count": 1, "created_at": 0});
    let ((status, problem), _) = ask(vec![large]);
    assert_eq!(status, 400);
    assert!(
        problem["detail"].as_str().unwrap().starts_with("bloom_filter_entries[0].bits: has 65537 entries"),
        "{problem}"
    );
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder().http_status_as_error(false).build().into()
}

#[test]
fn looking_writes_nothing_and_serving_does() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::over_events(dir.path());
    let (user, url) = ("424242", format!("http://{}/v1/feed?user=424242&limit=5", service.address));
    let top = || post_ids(&service.feed(user, "&limit=5"));
    let first = top();
    assert_eq!(first.len(), 5);
    for answer in [
        agent().head(&url).call().unwrap(),
        agent().head(format!("{url}&record")).call().unwrap(),
        agent().get(&url).call().unwrap(),
    ] {
        assert_eq!(answer.status().as_u16(), 200);
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }
    let now = service.feed(user, "")["clock"]["now"].as_i64().unwrap();
    let (status, _) = service.post("/v1/feed", &value!({"user_id": user, "limit": 5, "now": now}).to_string());
    assert_eq!(status, 200);
    let (status, _) = service.post("/v1/feed", &value!({"user_id": user, "limit": 5, "record": false}).to_string());
    assert_eq!(status, 200);
    assert_eq!(top(), first, "none of these was a serving");

    let served = post_ids(&service.feed(user, "&limit=5&record=true"));
    assert_eq!(served, first);
    let second = top();
    assert!(second.iter().all(|id| !first.contains(id)), "{first:?} {second:?}");
    let (status, posted) = service.post("/v1/feed", &value!({"user_id": user, "limit": 5}).to_string());
    assert_eq!((status, post_ids(&posted)), (200, second.clone()));
    assert!(top().iter().all(|id| !first.contains(id) && !second.contains(id)));
}

#[test]
fn a_cursor_fits_its_viewer_and_its_kind_of_feed() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::over_events(dir.path());
    let cursor = service.feed("1007", "&limit=10")["next_cursor"].as_str().unwrap().to_owned();
    let ask = |query: &str, cursor: &str| service.get(&format!("/v1/feed?user={query}&cursor={cursor}")).0;
    assert_eq!(ask("1007&limit=3", &cursor), 200);
    assert_eq!(ask("1008", &cursor), 400);
    assert_eq!(ask("1007&in_network_only", &cursor), 400);
    let flipped: String = cursor
        .char_indices()
        .map(|(i, c)| if i == cursor.len() / 2 { if c == 'A' { 'B' } else { 'A' } } else { c })
        .collect();
    assert_eq!(ask("1007", &flipped), 400);
    let other_dir = tempfile::tempdir().unwrap();
    let other = Service::over_events(other_dir.path());
    assert_eq!(other.get(&format!("/v1/feed?user=1007&cursor={cursor}")).0, 400, "another folder's");
}

#[test]
fn refusals_are_problem_documents() {
    let dir = tempfile::tempdir().unwrap();
    let service = Service::over_events(dir.path());
    let url = |path: &str| format!("http://{}{path}", service.address);
    let json_kind = "application/json";
    let refused = [
        (404, agent().get(url("/v1/nothing")).call()),
        (404, agent().get(url("/v1/requests/nobody")).call()),
        (400, agent().get(url(&format!("/v1/requests/{}", "x".repeat(129)))).call()),
        (405, agent().delete(url("/v1/feed")).call()),
        (405, agent().get(url("/v1/events")).call()),
        (415, agent().post(url("/v1/events")).content_type("text/plain").send(r#"{"events": []}"#)),
        (415, agent().post(url("/v1/feed")).content_type("text/plain").send(r#"{"user_id": 1}"#)),
        (400, agent().post(url("/v1/feed")).content_type(json_kind).send("{")),
        (400, agent().get(url("/v1/feed")).call()),
    ];
    for (status, answer) in refused {
        let mut answer = answer.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        assert_eq!(answer.headers()["content-type"], "application/problem+json", "{status}");
        let problem: Value = serde_json::from_str(&answer.body_mut().read_to_string().unwrap()).unwrap();
        assert_eq!(problem["status"], status, "{problem}");
    }
}
