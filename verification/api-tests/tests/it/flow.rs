//! What people do with the journal and the profile, for systems that are put together in different ways.

use api_tests::{Kai, Person};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

/// Several people at once, so that several environments of each function take part.
pub(crate) async fn journal_and_profile(kai: &Kai) {
    let people = join_all((0..4).map(|_| kai.register_and_login())).await;
    join_all(people.iter().map(|person| keep_a_journal(kai, person))).await;
    join_all(people.iter().map(|person| keep_a_profile(person, &people))).await;
    for person in &people {
        person.request("POST", "/api/auth/logout").await.good();
        for path in ["/api/journal/entries", "/api/auth/me", &person.profile_path()] {
            person.get(path).await.expect_problem(401, "unauthenticated");
        }
    }
}

async fn keep_a_journal(kai: &Kai, person: &Person) {
    assert_eq!(person.list().await.json()["total"], 0);
    for number in 0..25 {
        let content = format!("{}-{number}", person.id);
        let request = person.post("/api/journal/entries", &json!({"content": content, "mood": 6, "tags": ["a", "b"]}));
        let request = request.header("idempotency-key", &content);
        let entry = request.clone().await;
        assert_eq!(entry.status, 201, "{}", entry.text());
        if number % 5 == 0 {
            assert_eq!(request.await.json(), entry.json(), "a repetition gets the first result");
        }
        let newest = person.list().await.json();
        assert_eq!((&newest["entries"][0], &newest["total"]), (&entry.json(), &json!(number + 1)));
    }
    let pages = [1, 2].map(|page| format!("/api/journal/entries?page={page}"));
    let (first, second) = join(person.get(&*pages[0]).into_future(), person.get(&*pages[1]).into_future()).await;
    assert_eq!((&first.good()["has_more"], &second.good()["has_more"]), (&json!(true), &json!(false)));
    let contents = [first.json(), second.json()].map(|page| page["entries"].as_array().unwrap().clone()).concat();
    let expected: Vec<Value> = (0..25).rev().map(|number| format!("{}-{number}", person.id).into()).collect();
    assert_eq!(contents.iter().map(|entry| entry["content"].clone()).collect::<Vec<_>>(), expected);
    let mut outcomes = Vec::new();
    while outcomes.last().is_none_or(|outcome| outcome != "hit") {
        assert!(outcomes.len() < 20, "no hits: {outcomes:?}");
        kai.settled().await;
        let reply = person.list().await;
        assert_eq!(reply.json(), first.json());
        outcomes.push(reply.cache().to_owned());
    }
    let tag = first.header("etag").unwrap();
    assert_eq!(person.get(&*pages[0]).header("if-none-match", tag).await.status, 304);
    assert_eq!(
        person.get("/api/journal/entries?fields=id").await.good()["entries"][0],
        json!({"id": contents[0]["id"]})
    );
}

async fn keep_a_profile(person: &Person, everybody: &[Person]) {
    assert_eq!(person.get(person.profile_path()).await.good()["communication_style"], Value::Null);
    for style in ["gentle", "direct", "brief"] {
        let change = json!({"communication_style": style, "traits": {"style": style}});
        assert_eq!(person.patch(person.profile_path(), &change).await.good()["communication_style"], style);
        let profile = person.get(person.profile_path()).await.good();
        assert_eq!((&profile["communication_style"], &profile["traits"]), (&json!(style), &json!({"style": style})));
    }
    for other in everybody.iter().filter(|other| other.id != person.id) {
        person.get(other.profile_path()).await.expect_problem(403, "forbidden");
    }
}
