# shellcheck shell=sh
# Read at the beginning of a run that talks to Kubernetes and forgotten with it; never part of a server's facts.
section kubeconfig cat /etc/rancher/k3s/k3s.yaml
