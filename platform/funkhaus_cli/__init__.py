"""The command line: `funkhaus <noun> <verb>`, with Kubeless's flag names, over HTTP to the API server.

It decides nothing: what may be is the house rules' business, and their words are shown as they come. Exit codes are
`funkhaus_cli.failure.Exit`.
"""
