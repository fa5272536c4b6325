"""Target `kubernetes`: manifests for a cluster, applied by kubectl; `base` and `overlays` are for kustomize alone too.

`settings` is what an operator chooses, `rendering` makes the manifests of one deployment, `kubectl` runs the program,
`target` deploys.
"""

from __future__ import annotations

from mezzetin.deployment.kubernetes.settings import KubernetesSettings
from mezzetin.deployment.kubernetes.target import KubernetesTarget

__all__ = ["KubernetesSettings", "KubernetesTarget"]
