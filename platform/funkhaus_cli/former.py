"""What users of Kubeless type, and what to type here: a sentence in place of "no such option"."""

from __future__ import annotations

_NOT_HERE: dict[str, str] = {
    "--dryrun": "use --dry-run",
    "--out": "use --output",
    "--secrets": "Secrets become variables one key at a time: --secret-env NAME=SECRET/KEY",
    "--secret": "Secrets become variables one key at a time: --secret-env NAME=SECRET/KEY",
    "--schedule": "a schedule is a trigger of its own: `funkhaus trigger cronjob create NAME --function …`",
    "--runtime-image": "images come from the platform's catalogue: --runtime ID, see `funkhaus runtime list`",
    "--image-pull-policy": "images are pinned by digest, so there is nothing to choose",
    "--node-selectors": "placement is the platform's; functions name no nodes",
    "--service-account": "every function runs under an account of its own without rights in the cluster",
    "--port": "functions answer on one port, the runtime's",
    "--servicePort": "functions answer on one port, the runtime's",
    "--headless": "functions are reached through their Service or a trigger",
    "--gateway": "the platform chooses the ingress controller",
    "--enableTLSAcme": "name a certificate's Secret: --tls-secret NAME",
    "--basic-auth-secret": "authentication in front of a function is not there yet",
    "--cors-enable": "CORS headers are the function's own to send, for now",
    "--function": "use --function-name",
    "--token": "a token on the command line shows in process lists: FUNKHAUS_TOKEN or --token-file",
    "--kubeconfig": "the API server is asked, not the cluster: --api URL, --context NAME",
    "--handler-file": "use --handler MODULE.FUNCTION and --from-file FILE",
    "--label": "labels are given when the function is deployed (`function deploy --replace` gives others)",
}
_WORDS: dict[str, str] = {
    "get-server-config": "use `funkhaus runtime list`",
    "top": "use `funkhaus function top`",
    "stats": "use `funkhaus function top`",
    "topic": "topics belong to whoever runs the broker; event triggers are not there yet",
    "cronjob": "use `funkhaus trigger cronjob`",
    "kafka": "Kafka triggers are not there yet; there are: http, cronjob",
    "nats": "NATS triggers are not there yet; there are: http, cronjob",
    "kinesis": "Kinesis triggers are not planned; there are: http, cronjob",
    "deploy": "use `funkhaus function deploy`",
    "invoke": "use `funkhaus function call`",
    "login": "a token is the login: FUNKHAUS_TOKEN or --token-file; `funkhaus whoami` shows whose it is",
}


def explain(command: str, word: str) -> str:
    """What to use in place of a flag or command of Kubeless's; empty when nothing is known."""
    if word.startswith("-"):
        return _NOT_HERE.get(word, "")
    return "" if command.endswith(f" {word}") else _WORDS.get(word, "")
