# Databricks notebook source
# ruff: noqa: D100, E402, E501  (cells begin with imports)
# The eight steps of docs/azure.md on Databricks. This file is the notebook, in the format of Databricks' own repositories;
# docs/generate_notebook.py makes eight_steps.ipynb of it. docs/spark.md explains how to run it, databricks.yml runs it.

# MAGIC %md
# MAGIC # Captions for a collection, in eight steps
# MAGIC
# MAGIC Needs a cluster with the **ML runtime** (it has torch and MLflow), in *dedicated* access mode, with Mezzetin's wheel as
# MAGIC a library of the cluster, so that the executors have it too. Pictures and results lie in a **volume** of Unity Catalog:
# MAGIC `/Volumes/CATALOG/SCHEMA/VOLUME` is a path like any other, for Python here and on every executor. Mounts are not needed.

# COMMAND ----------

import os
from pathlib import Path

from databricks.sdk.runtime import dbutils, spark

import mezzetin
from mezzetin.spark.delta import read_delta

dbutils.widgets.text("source", "", "Where the pictures with captions are: a folder, a link with SAS, az://…")
dbutils.widgets.text("volume", "/Volumes/main/museum/files", "A volume's path")
dbutils.widgets.text("model", "main.museum.captions", "CATALOG.SCHEMA.MODEL")
dbutils.widgets.text("table", "main.museum.captions_of_pictures", "CATALOG.SCHEMA.TABLE for the captions")
dbutils.widgets.text("recipe", "", "A recipe in TOML; empty: a small Transformer on the bundled encoder")
dbutils.widgets.text("ranks", "1", "Processes that train together")
dbutils.widgets.text("settings", "", "deploy.toml; empty: nothing is deployed")

source, volume = dbutils.widgets.get("source"), Path(dbutils.widgets.get("volume"))
model, table = dbutils.widgets.get("model"), dbutils.widgets.get("table")
recipe, settings = dbutils.widgets.get("recipe") or None, dbutils.widgets.get("settings")
registry = os.environ.setdefault("MEZZETIN_REGISTRY", "databricks-uc")
# The driver's own disk: a volume takes no appends and maps no memory, which training wants.
local = Path(os.environ.get("MEZZETIN_LOCAL", "/local_disk0/mezzetin"))

# COMMAND ----------

# MAGIC %md
# MAGIC ## 1 Store
# MAGIC The pictures come into the volume. The same cell again copies what is missing.

# COMMAND ----------

print(mezzetin.store(source, volume / "pictures"))

# COMMAND ----------

# MAGIC %md
# MAGIC ## 2 Reach
# MAGIC What this machine has, and what it may do in the volume.

# COMMAND ----------

found = mezzetin.doctor([volume], write=True)
for line in found.lines():
    print(line)

# COMMAND ----------

# MAGIC %md
# MAGIC ## 3 Prepare
# MAGIC A dataset on the driver's disk, and the same rows as a Delta table in the volume, which keeps its versions.

# COMMAND ----------

mezzetin.ingest(volume / "pictures", local / "pictures.dataset", delta=volume / "pictures.delta", overwrite=True)
examples, version = read_delta(spark, volume / "pictures.delta")
print(version)
examples.groupBy("split", "status").count().show()

# COMMAND ----------

# MAGIC %md
# MAGIC ## 4 Train
# MAGIC On the table's version, which the bundle records. A killed process starts again from the last checkpoint, and so does
# MAGIC this cell; what is done lies in the volume.

# COMMAND ----------

bundle = mezzetin.train(
    volume / "pictures.delta",
    local / "captions.bundle",
    recipe=recipe,
    table_version=version.version,
    ranks=int(dbutils.widgets.get("ranks")),
)
print(bundle.manifest["provenance"]["delta"])
for score in bundle.scores["scores"]:
    print(f"{score['name']:8} {score['value']:.3f}  ({score['low']:.3f} to {score['high']:.3f})")
print(mezzetin.store(bundle.folder, volume / "captions.bundle"))

# COMMAND ----------

# MAGIC %md
# MAGIC ## 5 Register
# MAGIC In Unity Catalog. Where there is a champion, the gate decides whether this one takes its place.

# COMMAND ----------

promotion = mezzetin.register(
    bundle.folder, model, alias="champion", dataset=local / "pictures.dataset", registry=registry
)
print(promotion.version.name, promotion.version.version, "is the champion" if promotion.promoted else "was refused")

# COMMAND ----------

# MAGIC %md
# MAGIC ## 6, 7 Deploy
# MAGIC Behind a URL in Azure, where there are settings for it. First what would be done, then it is done.

# COMMAND ----------

if settings:
    for step in mezzetin.plan_deployment("aci", f"{model}@champion", settings=settings, registry=registry):
        print(step)
    print(mezzetin.deploy("aci", f"{model}@champion", settings=settings, registry=registry).deployment.url)

# COMMAND ----------

# MAGIC %md
# MAGIC ## 8 Score
# MAGIC Every picture of the volume, on the executors, as a table. A picture that can't be read is a row with an error.

# COMMAND ----------

from mezzetin.spark import caption, pictures

champion = mezzetin.load_captioner(f"{model}@champion")
captions = caption(pictures(spark, volume / "pictures"), captioner=champion)
captions.select("uri", "caption", "confidence", "unlike_training", "error").write.mode("overwrite").saveAsTable(table)
spark.table(table).orderBy("confidence").show(10, truncate=60)
