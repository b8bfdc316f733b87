//! Tests of `GET /api/journal/insights`.

use api_tests::TestApp;
use serde_json::{Value, json};

#[tokio::test]
async fn an_empty_journal_has_empty_insights() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    let expected = json!({
        "days": 30, "entries_analyzed": 0, "mood_trend": "stable", "average_mood": null, "mood_by_day": [], "writing_streak": 0,
        "most_used_tags": []
    });
    assert_eq!(ada.get("/api/journal/insights").await.expect_success(), expected);
}

#[tokio::test]
async fn insights_summarise_the_entries_by_day() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    // Days before today, mood and tags. All entries have the time 12:00, so that the test may run
    // at any time of the day.
    let entries: [(i32, Option<f64>, &[&str]); 6] = [
        (0, Some(8.0), &["walk", "sleep"]),
        (1, Some(6.0), &["walk"]),
        (1, Some(7.0), &["walk", "work"]),
        (2, None, &["work"]),
        (5, Some(3.0), &["sleep"]),
        (40, Some(1.0), &["old"]),
    ];
    for (days, mood, tags) in entries {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        let insert = "INSERT INTO journal_entries (id, user_id, content, mood, tags, created_at) VALUES (gen_random_uuid(), $1, 'x', $3, $4,
            ((now() AT TIME ZONE 'UTC')::date - $2::int + time '12:00') AT TIME ZONE 'UTC')";
        app.query(insert, &[&ada.id, &days, &mood, &tags]).await;
    }
    let insights = ada.get("/api/journal/insights").await.expect_success();
    let rows = app.query("SELECT ((now() AT TIME ZONE 'UTC')::date - n)::text FROM generate_series(0, 5) n", &[]).await;
    let date: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!((&insights["days"], &insights["entries_analyzed"]), (&json!(30), &json!(5)));
    let by_day = json!([
        {"date": date[5], "average_mood": 3.0, "entries": 1},
        {"date": date[2], "average_mood": null, "entries": 1},
        {"date": date[1], "average_mood": 6.5, "entries": 2},
        {"date": date[0], "average_mood": 8.0, "entries": 1},
    ]);
    assert_eq!(insights["mood_by_day"], by_day);
    assert_eq!((&insights["mood_trend"], &insights["average_mood"]), (&json!("improving"), &json!(5.83)));
    assert_eq!(insights["writing_streak"], 3);
    let tags = json!([{"tag": "walk", "count": 3}, {"tag": "sleep", "count": 2}, {"tag": "work", "count": 2}]);
    assert_eq!(insights["most_used_tags"], tags);
    let longer = ada.get("/api/journal/insights?days=60").await.expect_success();
    assert_eq!((&longer["days"], &longer["entries_analyzed"]), (&json!(60), &json!(6)));
}

#[tokio::test]
async fn insights_are_cached_until_the_journal_changes() {
    let app = TestApp::shared().await;
    let ada = app.new_user().await;
    ada.create_entry("x").await;
    let analyzed = |response: &Value| response["entries_analyzed"].as_i64();
    assert_eq!(analyzed(&ada.get("/api/journal/insights").await.expect_success()), Some(1));
    ada.get("/api/journal/insights").until_hit().await;
    ada.create_entry("y").await;
    assert_eq!(analyzed(&ada.get("/api/journal/insights").await.expect_success()), Some(2));
    let other = app.new_user().await.id;
    ada.get(format!("/api/journal/insights?user_id={other}")).await.expect_problem(403, "forbidden");
    ada.get("/api/journal/insights?days=0").await.expect_problem(422, "invalid_fields");
}
