"""The dashboards, in the order of the menu."""

from deploy.grafana.boards import api, execution, market, operations, pipeline, sources

BOARDS = (pipeline.BOARD, sources.BOARD, market.BOARD, execution.BOARD, operations.BOARD, api.BOARD)
