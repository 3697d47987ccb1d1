// Kubernetes' default priority levels and flow schemas (v1.32). A flow schema: its name, precedence, level and distinguisher; then for
// each rule a line of subjects ("for") and lines of what they do, as in role_facts.cc, with "cluster" for cluster scope.
#include "apiserver/bootstrap/facts.h"

namespace reigen::apiserver {

const char kFlowFacts[] = R"facts(prioritylevel catch-all limited shares 5 lendable 0
prioritylevel exempt exempt shares 0 lendable 0
prioritylevel global-default limited shares 20 lendable 50 queues 128 hand 6 length 50
prioritylevel leader-election limited shares 10 lendable 0 queues 16 hand 4 length 50
prioritylevel node-high limited shares 40 lendable 25 queues 64 hand 6 length 50
prioritylevel system limited shares 30 lendable 33 queues 64 hand 6 length 50
prioritylevel workload-high limited shares 40 lendable 50 queues 128 hand 6 length 50
prioritylevel workload-low limited shares 100 lendable 90 queues 128 hand 6 length 50
flowschema catch-all precedence 10000 level catch-all by ByUser
  for Group system:unauthenticated, Group system:authenticated
  * of * on * cluster in *
  * url *
flowschema endpoint-controller precedence 150 level workload-high by ByUser
  for User system:kube-controller-manager, ServiceAccount kube-system/endpoint-controller, ServiceAccount kube-system/endpointslicemirroring-controller
  get,create,update of "" on endpoints in *
flowschema exempt precedence 1 level exempt
  for Group system:masters
  * of * on * cluster in *
  * url *
flowschema global-default precedence 9900 level global-default by ByUser
  for Group system:unauthenticated, Group system:authenticated
  * of * on * cluster in *
  * url *
flowschema kube-controller-manager precedence 800 level workload-high by ByNamespace
  for User system:kube-controller-manager
  * of * on * cluster in *
  * url *
flowschema kube-scheduler precedence 800 level workload-high by ByNamespace
  for User system:kube-scheduler
  * of * on * cluster in *
  * url *
flowschema kube-system-service-accounts precedence 900 level workload-high by ByNamespace
  for ServiceAccount kube-system/*
  * of * on * cluster in *
  * url *
flowschema probes precedence 2 level exempt
  for Group system:unauthenticated, Group system:authenticated
  get url /healthz,/readyz,/livez
flowschema service-accounts precedence 9000 level workload-low by ByUser
  for Group system:serviceaccounts
  * of * on * cluster in *
  * url *
flowschema system-leader-election precedence 100 level leader-election by ByUser
  for User system:kube-controller-manager, User system:kube-scheduler, ServiceAccount kube-system/*
  get,create,update of coordination.k8s.io on leases in *
flowschema system-node-high precedence 400 level node-high by ByUser
  for Group system:nodes
  * of "" on nodes,nodes/status cluster in *
  * of coordination.k8s.io on leases in *
flowschema system-nodes precedence 500 level system by ByUser
  for Group system:nodes
  * of * on * cluster in *
  * url *
flowschema workload-leader-election precedence 200 level leader-election by ByUser
  for ServiceAccount kube-system/*
  get,create,update of "" on endpoints,configmaps in *
  get,create,update of coordination.k8s.io on leases in *
)facts";

}  // namespace reigen::apiserver
