"""Door 2: Azure's own API, Image Analysis 4.0 (`v4`) and Computer Vision 3.2 (`v32`), spoken by our captioner.

Enters: the requests that Azure's SDKs send. Leaves: the answers, errors and headers that they expect. Azure retires
the service on 25 September 2028; docs/azure-api.md says what is measured, what is derived and what is absent here.
"""
