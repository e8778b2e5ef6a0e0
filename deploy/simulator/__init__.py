"""An exchange on localhost: it speaks the venues' own protocols over seeded random markets, breaks on request, and logs the truth.

settings     the environment, read here and nowhere else in the package
market       one symbol at one venue: the seeded walk, trade after trade
schedule     when each market trades next
limits       request budgets
venue        what a venue is; venues/ holds one file each, and the registry
faults, presets, injector   scripts of faults, those with names, and a script at work
damage, fates, frames, spelling   broken payloads, what becomes of a frame, WebSocket frames, times
log          what was issued: the truth for tests
client, hub  connections and who listens to what
exchange     the markets, the loop that lets them trade
websocket, rest, control, server   the port

Invariant: the same seed gives the same trades (price, size, side, id) of each symbol, whoever listens and whatever breaks.
"""
