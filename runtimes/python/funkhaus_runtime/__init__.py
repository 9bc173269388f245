"""The Python runtime: a server that runs one Kubeless-style function, `handler(event, context)`.

Two ways lead through it, chosen by the handler's kind::

    __main__ ─ serve ─ connection ─ front ─ gate ─┬─ on_loop          async def: runs on the server's own event loop
        │         │    (parsing, incoming)        └─ pool ⇄ worker    def: runs in one of a few persistent processes
        │         ├─ operations                                       /healthz, /readyz, /metrics on their own port
        │         └─ nursery_link ⇄ nursery                           forks the workers, buries them, tells how they died
        └─ nursery_start                                              forks the nursery before anything else is loaded

`event`, `request` and `answer` turn a request into what the function is given and what it returns into a response;
both ways use them. Nothing the function does can take the server down on the `def` way; README.md says what an
``async def`` handler can do to its neighbours.
"""
