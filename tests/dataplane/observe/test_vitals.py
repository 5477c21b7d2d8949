"""What the process tells of itself: circuits go by their provider, whoever brought the credential."""

from llmgateway.contract.channels import PathHealth
from llmgateway.dataplane.vitals import states


def test_circuits_of_credentials_that_organisations_brought_count_under_their_provider() -> None:
    asked = {"groq/0": "closed", "groq/cred_1": "open", "groq/cred_2": "open", "lab/none": "half_open"}
    paths = [
        PathHealth(credential=name, model="m", state=state, why="", first_token_seconds=None, tokens_per_second=None)
        for name, state in asked.items()
    ]
    assert states(paths) == {("groq", "closed"): 1, ("groq", "open"): 2, ("lab", "half_open"): 1}
