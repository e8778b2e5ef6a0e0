"""The api: answers over HTTP from what the writer has stored.

__main__ -> runner -> app             the process, its server, the routes in one application
protocol                              what an endpoint is
routes/                               one module per subject, listed in `routes.ENDPOINTS`
queries, queries_trading              all SQL; `records` and `executions` make values of its rows
store                                 the sessions that it is asked in
parameters, pages, intervals          what a request says: pure
candles                               windows, coarser candles, filling: pure; `reader` feeds it from the store
answers, answers_trading, problems, document
                                      what an answer looks like

bodies, formats                       the bytes of requests and of answers in CSV

Invariant: it never writes to the store: what is pushed goes to Kafka; and one request reads one state of the store.
"""
