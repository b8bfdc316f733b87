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
json.dump(transform(template, {}, ManagedPolicies()), sys.stdout, indent=1)
