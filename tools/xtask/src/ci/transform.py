"""Prints template.yaml as SAM makes it: what CloudFormation is given. The translator is SAM's own; AWS is not asked."""

import json
import sys

from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse


class ManagedPolicies:
    """The template names none of AWS's managed policies, so there is nothing to look up."""

    def load(self):
        return {}


# What `sam package` puts in place of folders and files.
ARTEFACTS = {
    "AWS::Serverless::Function": ("CodeUri", "s3://artefacts/function"),
    "AWS::CloudFormation::Stack": ("TemplateURL", "https://s3.amazonaws.com/artefacts/template"),
}

with open(sys.argv[1], encoding="utf-8") as file:
    template = yaml_parse(file)
for resource in template["Resources"].values():
    if resource["Type"] in ARTEFACTS:
        name, place = ARTEFACTS[resource["Type"]]
        resource["Properties"][name] = place
transformed = transform(template, {}, ManagedPolicies())
# SAM names a version after what stands in the template. A parameter's new value reaches clients by the description alone.
for name, resource in transformed["Resources"].items():
    if resource["Type"] == "AWS::Lambda::Version" and "Fn::Sub" not in str(resource["Properties"].get("Description")):
        sys.exit(f"{name} would stay as it is when a parameter changes: its function needs a VersionDescription")
json.dump(transformed, sys.stdout, indent=1)
