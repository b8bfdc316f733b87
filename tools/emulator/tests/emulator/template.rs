use std::time::Duration;

use emulator::{Emulator, Options, Resource, Variable};

use crate::test_emulator::{binaries, template, whole_template};

const WHOLE: &str = "
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: dev}
  Secret: {Type: String, NoEcho: true}
Conditions:
  Production: !Equals [!Ref Stage, prod]
Mappings:
  Sizes: {dev: {memory: 256}, prod: {memory: 1024}}
Globals:
  Function:
    Runtime: provided.al2023
    Timeout: 7
    MemorySize: !FindInMap [Sizes, !Ref Stage, memory]
    Environment:
      Variables:
        STAGE: !Ref Stage
        SHARED: global
        SECRET: !Ref Secret
        OPTIONAL: !If [Production, 'on', !Ref AWS::NoValue]
  HttpApi:
    CorsConfiguration: {AllowOrigins: ['https://a.example'], MaxAge: 60}
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
  NotesFunction:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: rust-cargolambda, BuildProperties: {Binary: notes}}
    Properties:
      CodeUri: .
      Timeout: 29
      ReservedConcurrentExecutions: 5
      Policies: [{DynamoDBReadPolicy: {TableName: !Ref Table}}]
      Environment:
        Variables: {SHARED: !Sub '${Stage}-${Table}', ARN: !GetAtt Table.Arn}
      Events:
        Get: {Type: HttpApi, Properties: {Path: '/notes/{id}', Method: get, ApiId: !Ref ServerlessHttpApi}}
        Tick: {Type: Schedule, Properties: {Schedule: rate(1 minute), Input: '{}'}}
        Tock: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(2 hours)}}
        Off: {Type: ScheduleV2, Properties: {ScheduleExpression: rate(2 hours), State: DISABLED}}
        Cron: {Type: Schedule, Properties: {Schedule: cron(0 12 * * ? *)}}
        Queue: {Type: SQS, Properties: {Queue: !GetAtt Queue.Arn}}
  ListFunction:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: functions/notes-list/}
  LiveFunction:
    Type: AWS::Serverless::Function
    Condition: Production
    Properties: {CodeUri: functions/live}
";

#[test]
fn a_template_is_parsed_with_globals_parameters_and_conditions() {
    let template = whole_template(WHOLE).unwrap();
    let names: Vec<_> = template.functions.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(names, ["notes-list", "notes"]);
    let notes = template.function("NotesFunction").unwrap();
    assert_eq!(notes, template.function("notes").unwrap());
    assert_eq!((notes.timeout, notes.memory_size), (Duration::from_secs(29), 256));
    assert_eq!(notes.reserved_concurrency, Some(5));
    let value = |text: &str| Variable::Value(text.to_owned());
    let unresolved = |text: &str| Variable::Unresolved(text.to_owned());
    let variables: Vec<_> = notes.variables.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let expected = [
        ("ARN", unresolved("!GetAtt Table.Arn")),
        ("SECRET", unresolved("!Ref Secret")),
        ("SHARED", value("dev-Table")),
        ("STAGE", value("dev")),
    ];
    assert_eq!(variables, expected);
    assert_eq!(notes.routes[0].key(), "GET /notes/{id}");
    let schedules: Vec<_> = notes.schedules.iter().map(|each| (each.name.as_str(), each.period)).collect();
    let seconds = |count| Some(Duration::from_secs(count));
    assert_eq!(schedules, [("Cron", None), ("Tick", seconds(60)), ("Tock", seconds(7_200))]);
    let list = template.function("notes-list").unwrap();
    assert_eq!((list.timeout, list.memory_size), (Duration::from_secs(7), 256));
    let cors = template.api.cors.unwrap();
    assert_eq!((cors.allow_origins, cors.max_age), (vec!["https://a.example".to_owned()], seconds(60)));
}

#[test]
fn functions_in_a_loop_are_read() {
    let template = template(
        "
  Fn::ForEach::Functions:
    - Name
    - [Notes, List]
    - '${Name}Function':
        Type: AWS::Serverless::Function
        Properties:
          CodeUri: functions/notes
          LoggingConfig: {LogGroup: {Ref: !Sub '${Name}LogGroup'}}
      '${Name}LogGroup': {Type: AWS::Logs::LogGroup}
",
    );
    let template = template.unwrap();
    let functions = template.functions.iter().map(|each| (each.logical_id.as_str(), each.log_group.as_str()));
    assert_eq!(functions.collect::<Vec<_>>(), [("ListFunction", "ListLogGroup"), ("NotesFunction", "NotesLogGroup")]);
}

#[test]
fn an_error_names_the_resource_the_property_and_the_rule() {
    let function = |properties: &str| {
        let text =
            format!("\n  F:\n    Type: AWS::Serverless::Function\n    Properties: {{CodeUri: x, {properties}}}\n");
        template(&text).unwrap_err().to_string()
    };
    let event = |event: &str| function(&format!("Events: {{E: {event}}}"));
    for (error, expected) in [
        (function("Timeout: 901"), "F: Timeout: expected a whole number from 1 to 900"),
        (function("Timeout: soon"), "F: Timeout: expected a whole number from 1 to 900"),
        (function("MemorySize: !GetAtt A.B"), "F: MemorySize: !GetAtt A.B has no value before the stack is deployed"),
        (
            whole_template("Conditions: {C: !Equals [!Ref Secret, '']}\nResources: {F: {Condition: C}}")
                .unwrap_err()
                .to_string(),
            "F: Condition: !Ref Secret has no value before the stack is deployed",
        ),
        (function("Runtime: python3.13"), "F: Runtime: only provided.* is emulated, not python3.13"),
        (function("Events: [1]"), "F: Events: expected a map"),
        (event("{Type: Api}"), "F: Events.E.Type: REST APIs are not emulated, only HttpApi"),
        (
            event("{Type: HttpApi, Properties: {Path: '/a/{b+}/c', Method: GET}}"),
            "F: Events.E.Properties.Path: a greedy variable {name+} must be at the end",
        ),
        (
            event("{Type: HttpApi, Properties: {Path: a, Method: GET}}"),
            "F: Events.E.Properties.Path: a path must begin with /",
        ),
        (
            event("{Type: HttpApi, Properties: {Path: /a}}"),
            "F: Events.E.Properties.Method: expected a method for the path (ANY for all methods)",
        ),
        (
            event("{Type: HttpApi, Properties: {Path: /a, Method: GET, Auth: {Authorizer: Jwt}}}"),
            "F: Events.E.Properties.Auth.Authorizer: authorizers are not emulated",
        ),
        (
            event("{Type: Schedule, Properties: {Schedule: rate(0 minutes)}}"),
            "F: Events.E.Properties.Schedule: expected rate(n unit) with a number from 1 and minute(s), hour(s) or day(s)",
        ),
        (event("{Type: HttpApi}, G: {Type: HttpApi}"), "F: Events: F already has the route $default"),
        (
            template("\n  A:\n    Type: AWS::Serverless::HttpApi\n    Properties: {StageName: prod}\n")
                .unwrap_err()
                .to_string(),
            "A: StageName: only $default is emulated, because prod would become part of the path",
        ),
        (whole_template("a: 1").unwrap_err().to_string(), "the template: Resources: expected a map of resources"),
    ] {
        assert_eq!(error, expected);
    }
    assert!(whole_template("a: [").unwrap_err().to_string().contains("not valid YAML"));
}

#[test]
fn a_resource_that_depends_on_an_unknown_value_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("template.yaml");
    let read = |resource: &str| {
        let conditions = "Conditions: {C: !Equals [!Ref Secret, '']}";
        std::fs::write(&path, format!("{conditions}\nResources: {{T: {{Type: 'A::B', {resource}}}}}\n")).unwrap();
        Resource::read_all(&path, &[]).unwrap_err().to_string()
    };
    for (resource, expected) in [
        ("Condition: C", "T: Condition: !Ref Secret has no value before the stack is deployed"),
        ("Properties: {A: !Ref Secret}", "T: Properties: !Ref Secret has no value before the stack is deployed"),
    ] {
        assert_eq!(read(resource), expected);
    }
}

#[tokio::test]
async fn a_variable_that_only_the_deployed_stack_has_needs_a_value() {
    let start = async |name: Option<&str>| {
        let mut options =
            Options { template: whole_template(WHOLE).unwrap(), binaries: binaries(), ..Options::default() };
        options.variables.insert("SECRET".to_owned(), "s".to_owned());
        if let Some(name) = name {
            let own = [("ARN".to_owned(), "a".to_owned())].into();
            options.function_variables.insert(name.to_owned(), own);
        }
        Emulator::start(options).await.map(drop).map_err(|error| error.to_string())
    };
    let expected = "NotesFunction: Environment.Variables.ARN: !GetAtt Table.Arn has no value before the stack is deployed; provide a value for ARN";
    assert_eq!(start(None).await, Err(expected.to_owned()));
    assert_eq!(start(Some("ListFunction")).await, Err(expected.to_owned()));
    assert_eq!(start(Some("NotesFunction")).await, Ok(()));
}
