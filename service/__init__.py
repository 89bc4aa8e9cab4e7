"""Remembers and serves: SQL, HTTP, worker processes, the command line and the web page.

Rooms, each importing only those before it in its line:

    both sides   protocol, library
    API side     store, core, web, api             one process, no JAX
    worker side  client, trainer, worker           no SQL; of these only a trainer process loads JAX
    on top       operations, cli                   start and watch the others

API side and worker side never import each other; they meet in `protocol`, over HTTP.
"""
