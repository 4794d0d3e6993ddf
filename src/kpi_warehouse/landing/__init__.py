"""How landed files are found, judged and read: the same for dbt on DuckDB and for the tables registered in Spark."""
