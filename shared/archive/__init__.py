"""The archive in S3: immutable Parquet objects in a chain per topic partition.

`layout` names objects and says what their metadata hold, `columns` and `parquet` turn records into objects and back, `chain` judges
whether a partition's objects hold every offset once, `store` speaks to the endpoint, `text` spells records as CSV and `views` names the
files that the store has there besides.
"""
