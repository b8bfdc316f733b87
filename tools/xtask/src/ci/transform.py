"""Writes each template as CloudFormation receives it.

SAM's own code expands the loops and translates SAM's resources. No request is sent to AWS.

Usage: transform.py FOLDER TEMPLATE...
"""

import json
import pathlib
import sys

from samcli.lib.cfn_language_extensions.models import TemplateProcessingContext
from samcli.lib.cfn_language_extensions.processors.foreach import ForEachProcessor
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

SERVERLESS = "AWS::Serverless-2016-10-31"
# `sam package` replaces these folders and files with locations in S3.
ARTEFACTS = {
    "AWS::Serverless::Function": ("CodeUri", "s3://artefacts/function"),
    "AWS::CloudFormation::Stack": ("TemplateURL", "https://s3.amazonaws.com/artefacts/template"),
}


class ManagedPolicies:
    """An empty list of managed policies, because the templates do not name any of AWS's."""

    def load(self):
        return {}


def expand(template):
    """Expands only the loops, so that the linters still see the uses of each parameter."""
    context = TemplateProcessingContext(fragment=template)
    ForEachProcessor().process_template(context)
    return context.fragment


def translate(template):
    for resource in template["Resources"].values():
        if resource["Type"] in ARTEFACTS:
            name, place = ARTEFACTS[resource["Type"]]
            resource["Properties"][name] = place
    translated = transform(template, {}, ManagedPolicies())
    # SAM derives the name of a version from the text of the template. Only a new description
    # publishes a new version when the value of a parameter changes.
    for name, resource in translated["Resources"].items():
        if resource["Type"] == "AWS::Lambda::Version" and "Fn::Sub" not in str(resource["Properties"].get("Description")):
            sys.exit(f"{name} would not change with the value of a parameter: add the parameters to the function's VersionDescription")
    return translated


folder = pathlib.Path(sys.argv[1])
for path in sys.argv[2:]:
    template = expand(yaml_parse(pathlib.Path(path).read_text(encoding="utf-8")))
    if SERVERLESS in template.get("Transform", []):
        template = translate(template)
    target = folder / pathlib.Path(path).with_suffix(".json")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(template, indent=1), encoding="utf-8")
