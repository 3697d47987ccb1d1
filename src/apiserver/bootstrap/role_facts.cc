// Kubernetes' default roles and bindings (RBAC bootstrap policy of v1.32), and those for docker.reigen.dev, which no role of a namespace may
// ever contain: whoever makes a Container is root on a host. A role: its name and labels, then a line a rule:
//   VERBS of GROUPS on RESOURCES [named NAMES]   or   VERBS url PATHS   or   aggregate LABEL=VALUE
// A binding: its name, the kind and name of the role, then a line a subject: KIND [NAMESPACE/]NAME.
#include "apiserver/bootstrap/facts.h"

namespace reigen::apiserver {

const char kRoleFacts[] = R"facts(clusterrole admin
  aggregate rbac.authorization.k8s.io/aggregate-to-admin=true
clusterrole cluster-admin
  * of * on *
  * url *
clusterrole edit label rbac.authorization.k8s.io/aggregate-to-admin=true
  aggregate rbac.authorization.k8s.io/aggregate-to-edit=true
clusterrole system:aggregate-to-admin label rbac.authorization.k8s.io/aggregate-to-admin=true
  create of authorization.k8s.io on localsubjectaccessreviews
  create,delete,deletecollection,get,list,patch,update,watch of rbac.authorization.k8s.io on rolebindings,roles
clusterrole system:aggregate-to-edit label rbac.authorization.k8s.io/aggregate-to-edit=true
  get,list,watch of "" on pods/attach,pods/exec,pods/portforward,pods/proxy,secrets,services/proxy
  impersonate of "" on serviceaccounts
  create,delete,deletecollection,patch,update of "" on pods,pods/attach,pods/exec,pods/portforward,pods/proxy
  create of "" on pods/eviction
  create,delete,deletecollection,patch,update of "" on configmaps,endpoints,events,persistentvolumeclaims,replicationcontrollers,replicationcontrollers/scale,secrets,serviceaccounts,services,services/proxy
  create of "" on serviceaccounts/token
  create,delete,deletecollection,patch,update of apps on daemonsets,deployments,deployments/rollback,deployments/scale,replicasets,replicasets/scale,statefulsets,statefulsets/scale
  create,delete,deletecollection,patch,update of autoscaling on horizontalpodautoscalers
  create,delete,deletecollection,patch,update of batch on cronjobs,jobs
  create,delete,deletecollection,patch,update of extensions on daemonsets,deployments,deployments/rollback,deployments/scale,ingresses,networkpolicies,replicasets,replicasets/scale,replicationcontrollers/scale
  create,delete,deletecollection,patch,update of policy on poddisruptionbudgets
  create,delete,deletecollection,patch,update of networking.k8s.io on ingresses,networkpolicies
  create,delete,deletecollection,get,list,patch,update,watch of coordination.k8s.io on leases
clusterrole system:aggregate-to-view label rbac.authorization.k8s.io/aggregate-to-view=true
  get,list,watch of "" on configmaps,endpoints,persistentvolumeclaims,persistentvolumeclaims/status,pods,replicationcontrollers,replicationcontrollers/scale,serviceaccounts,services,services/status
  get,list,watch of "" on bindings,events,limitranges,namespaces/status,pods/log,pods/status,replicationcontrollers/status,resourcequotas,resourcequotas/status
  get,list,watch of "" on namespaces
  get,list,watch of discovery.k8s.io on endpointslices
  get,list,watch of apps on controllerrevisions,daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,replicasets,replicasets/scale,replicasets/status,statefulsets,statefulsets/scale,statefulsets/status
  get,list,watch of autoscaling on horizontalpodautoscalers,horizontalpodautoscalers/status
  get,list,watch of batch on cronjobs,cronjobs/status,jobs,jobs/status
  get,list,watch of extensions on daemonsets,daemonsets/status,deployments,deployments/scale,deployments/status,ingresses,ingresses/status,networkpolicies,replicasets,replicasets/scale,replicasets/status,replicationcontrollers/scale
  get,list,watch of policy on poddisruptionbudgets,poddisruptionbudgets/status
  get,list,watch of networking.k8s.io on ingresses,ingresses/status,networkpolicies
clusterrole system:auth-delegator
  create of authentication.k8s.io on tokenreviews
  create of authorization.k8s.io on subjectaccessreviews
clusterrole system:basic-user
  create of authorization.k8s.io on selfsubjectaccessreviews,selfsubjectrulesreviews
  create of authentication.k8s.io on selfsubjectreviews
clusterrole system:certificates.k8s.io:certificatesigningrequests:nodeclient
  create of certificates.k8s.io on certificatesigningrequests/nodeclient
clusterrole system:certificates.k8s.io:certificatesigningrequests:selfnodeclient
  create of certificates.k8s.io on certificatesigningrequests/selfnodeclient
clusterrole system:certificates.k8s.io:kube-apiserver-client-approver
  approve of certificates.k8s.io on signers named kubernetes.io/kube-apiserver-client
clusterrole system:certificates.k8s.io:kube-apiserver-client-kubelet-approver
  approve of certificates.k8s.io on signers named kubernetes.io/kube-apiserver-client-kubelet
clusterrole system:certificates.k8s.io:kubelet-serving-approver
  approve of certificates.k8s.io on signers named kubernetes.io/kubelet-serving
clusterrole system:certificates.k8s.io:legacy-unknown-approver
  approve of certificates.k8s.io on signers named kubernetes.io/legacy-unknown
clusterrole system:controller:attachdetach-controller
  list,watch of "" on persistentvolumeclaims,persistentvolumes
  get,list,watch of "" on nodes
  patch,update of "" on nodes/status
  list,watch of "" on pods
  create,patch,update of "",events.k8s.io on events
  create,delete,get,list,watch of storage.k8s.io on volumeattachments
  get,list,watch of storage.k8s.io on csidrivers
  get,list,watch of storage.k8s.io on csinodes
clusterrole system:controller:certificate-controller
  delete,get,list,watch of certificates.k8s.io on certificatesigningrequests
  update of certificates.k8s.io on certificatesigningrequests/approval,certificatesigningrequests/status
  approve of certificates.k8s.io on signers named kubernetes.io/kube-apiserver-client-kubelet
  sign of certificates.k8s.io on signers named kubernetes.io/kube-apiserver-client,kubernetes.io/kube-apiserver-client-kubelet,kubernetes.io/kubelet-serving,kubernetes.io/legacy-unknown
  create of authorization.k8s.io on subjectaccessreviews
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:clusterrole-aggregation-controller
  escalate,get,list,patch,update,watch of rbac.authorization.k8s.io on clusterroles
clusterrole system:controller:container-controller
  delete,get,list,update,watch of docker.reigen.dev on containers
  create,delete,get,list,watch of docker.reigen.dev on networks
  delete,get,list,watch of docker.reigen.dev on volumes
  create,delete,get,list,watch of docker.reigen.dev on nameclaims
  create,delete,get,list,patch,watch of "" on pods
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:cronjob-controller
  get,list,update,watch of batch on cronjobs
  create,delete,get,list,patch,update,watch of batch on jobs
  update of batch on cronjobs/status
  update of batch on cronjobs/finalizers
  delete,list,watch of "" on pods
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:daemon-set-controller
  get,list,watch of apps,extensions on daemonsets
  update of apps,extensions on daemonsets/status
  update of apps,extensions on daemonsets/finalizers
  list,watch of "" on nodes
  create,delete,list,patch,watch of "" on pods
  create of "" on pods/binding
  create,delete,get,list,patch,update,watch of apps on controllerrevisions
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:deployment-controller
  get,list,update,watch of apps,extensions on deployments
  update of apps,extensions on deployments/status
  update of apps,extensions on deployments/finalizers
  create,delete,get,list,patch,update,watch of apps,extensions on replicasets
  get,list,update,watch of "" on pods
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:disruption-controller
  get,list,watch of apps,extensions on deployments
  get,list,watch of apps,extensions on replicasets
  get,list,watch of "" on replicationcontrollers
  get,list,watch of policy on poddisruptionbudgets
  get,list,watch of apps on statefulsets
  update of policy on poddisruptionbudgets/status
  patch,update of "" on pods/status
  get of * on */scale
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:endpoint-controller
  get,list,watch of "" on pods,services
  create,delete,get,list,update,watch of "" on endpoints
  create of "" on endpoints/restricted
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:endpointslice-controller
  get,list,watch of "" on nodes,pods,services
  update of "" on services/finalizers
  create,delete,get,list,update,watch of discovery.k8s.io on endpointslices
  create of discovery.k8s.io on endpointslices/restricted
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:endpointslicemirroring-controller
  get,list,watch of "" on endpoints,services
  update of "" on services/finalizers
  update of "" on endpoints/finalizers
  create,delete,get,list,update,watch of discovery.k8s.io on endpointslices
  create of discovery.k8s.io on endpointslices/restricted
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:ephemeral-volume-controller
  get,list,watch of "" on pods
  update of "" on pods/finalizers
  create,get,list,watch of "" on persistentvolumeclaims
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:expand-controller
  get,list,patch,update,watch of "" on persistentvolumes
  patch,update of "" on persistentvolumeclaims/status
  get,list,watch of "" on persistentvolumeclaims
  create,patch,update of "",events.k8s.io on events
  get of "" on services
clusterrole system:controller:generic-garbage-collector
  delete,get,list,patch,update,watch of * on *
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:horizontal-pod-autoscaler
  get,list,watch of autoscaling on horizontalpodautoscalers
  update of autoscaling on horizontalpodautoscalers/status
  get,update of * on */scale
  list,watch of "" on pods
  list,watch of metrics.k8s.io on pods
  get,list,watch of custom.metrics.k8s.io on *
  get,list,watch of external.metrics.k8s.io on *
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:job-controller
  get,list,patch,update,watch of batch on jobs
  update of batch on jobs/status
  update of batch on jobs/finalizers
  create,delete,list,patch,watch of "" on pods
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:legacy-service-account-token-cleaner
  get of "" on configmaps named kube-apiserver-legacy-service-account-token-tracking
  delete,patch of "" on secrets
clusterrole system:controller:namespace-controller
  delete,get,list,watch of "" on namespaces
  update of "" on namespaces/finalize,namespaces/status
  delete,deletecollection,get,list,watch of * on *
clusterrole system:controller:node-controller
  delete,get,list,patch,update,watch of "" on nodes
  patch,update of "" on nodes/status
  patch,update of "" on pods/status
  delete,get,list,watch of "" on pods
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:persistent-volume-binder
  create,delete,get,list,update,watch of "" on persistentvolumes
  update of "" on persistentvolumes/status
  get,list,update,watch of "" on persistentvolumeclaims
  update of "" on persistentvolumeclaims/status
  create,delete,get,list,watch of "" on pods
  get,list,watch of storage.k8s.io on storageclasses
  list,watch of "" on nodes
  create,patch,update of "",events.k8s.io on events
  watch of "" on events
  get of "" on services
clusterrole system:controller:pod-garbage-collector
  delete,list,watch of "" on pods
  get,list,watch of "" on nodes
  patch of "" on pods/status
clusterrole system:controller:pv-protection-controller
  get,list,update,watch of "" on persistentvolumes
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:pvc-protection-controller
  get,list,update,watch of "" on persistentvolumeclaims
  get,list,watch of "" on pods
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:replicaset-controller
  get,list,update,watch of apps,extensions on replicasets
  update of apps,extensions on replicasets/status
  update of apps,extensions on replicasets/finalizers
  create,delete,list,patch,watch of "" on pods
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:replication-controller
  get,list,update,watch of "" on replicationcontrollers
  update of "" on replicationcontrollers/status
  update of "" on replicationcontrollers/finalizers
  create,delete,list,patch,watch of "" on pods
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:resourcequota-controller
  list,watch of * on *
  update of "" on resourcequotas/status
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:root-ca-cert-publisher
  create,update of "" on configmaps
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:route-controller
  list,watch of "" on nodes
  patch of "" on nodes/status
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:service-account-controller
  create of "" on serviceaccounts
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:service-ca-cert-publisher
  create,update of "" on configmaps
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:service-controller
  get,list,watch of "" on services
  patch,update of "" on services/status
  list,watch of "" on nodes
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:statefulset-controller
  list,watch of "" on pods
  get,list,watch of apps on statefulsets
  update of apps on statefulsets/status
  update of apps on statefulsets/finalizers
  create,delete,get,patch,update of "" on pods
  create,delete,get,list,patch,update,watch of apps on controllerrevisions
  create,get,list,watch of "" on persistentvolumeclaims
  create,patch,update of "",events.k8s.io on events
  delete,update of "" on persistentvolumeclaims
  update of "" on pods/finalizers
clusterrole system:controller:ttl-after-finished-controller
  delete,get,list,watch of batch on jobs
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:ttl-controller
  list,patch,update,watch of "" on nodes
  create,patch,update of "",events.k8s.io on events
clusterrole system:controller:validatingadmissionpolicy-status-controller
  get,list,watch of admissionregistration.k8s.io on validatingadmissionpolicies
  get,patch,update of admissionregistration.k8s.io on validatingadmissionpolicies/status
  create,patch,update of "",events.k8s.io on events
clusterrole system:discovery
  get url /api,/api/*,/apis,/apis/*,/healthz,/livez,/openapi,/openapi/*,/readyz,/version,/version/
clusterrole system:heapster
  get,list,watch of "" on events,namespaces,nodes,pods
  get,list,watch of extensions on deployments
clusterrole system:kube-aggregator
  get,list,watch of "" on endpoints,services
clusterrole system:kube-controller-manager
  create,patch,update of "",events.k8s.io on events
  create of coordination.k8s.io on leases
  get,update of coordination.k8s.io on leases named kube-controller-manager
  create of "" on secrets,serviceaccounts
  delete of "" on secrets
  get of "" on configmaps,namespaces,secrets,serviceaccounts
  update of "" on secrets,serviceaccounts
  create of authentication.k8s.io on tokenreviews
  create of authorization.k8s.io on subjectaccessreviews
  list,watch of * on *
  create of "" on serviceaccounts/token
clusterrole system:kube-dns
  list,watch of "" on endpoints,services
clusterrole system:kube-scheduler
  create,patch,update of "",events.k8s.io on events
  create of coordination.k8s.io on leases
  get,list,update,watch of coordination.k8s.io on leases named kube-scheduler
  create,delete,deletecollection,get,list,patch,update,watch of coordination.k8s.io on leasecandidates
  get,list,watch of "" on nodes
  delete,get,list,watch of "" on pods
  create of "" on bindings,pods/binding
  patch,update of "" on pods/status
  get,list,watch of "" on replicationcontrollers,services
  get,list,watch of apps,extensions on replicasets
  get,list,watch of apps on statefulsets
  get,list,watch of policy on poddisruptionbudgets
  get,list,watch of "" on persistentvolumeclaims,persistentvolumes
  create of authentication.k8s.io on tokenreviews
  create of authorization.k8s.io on subjectaccessreviews
  get,list,watch of storage.k8s.io on csinodes
  get,list,watch of storage.k8s.io on volumeattachments
  get,list,watch of "" on namespaces
  get,list,watch of storage.k8s.io on csidrivers
  get,list,watch of storage.k8s.io on csistoragecapacities
clusterrole system:kubelet-api-admin
  get,list,watch of "" on nodes
  proxy of "" on nodes
  * of "" on nodes/log,nodes/metrics,nodes/proxy,nodes/stats
clusterrole system:monitoring
  get url /healthz,/healthz/*,/livez,/livez/*,/metrics,/metrics/slis,/readyz,/readyz/*
clusterrole system:node
  create of authentication.k8s.io on tokenreviews
  create of authorization.k8s.io on localsubjectaccessreviews,subjectaccessreviews
  get,list,watch of "" on services
  create,get,list,watch of "" on nodes
  patch,update of "" on nodes/status
  patch,update of "" on nodes
  create,patch,update of "" on events
  get,list,watch of "" on pods
  create,delete of "" on pods
  patch,update of "" on pods/status
  create of "" on pods/eviction
  get,list,watch of "" on configmaps,secrets
  get of "" on persistentvolumeclaims,persistentvolumes
  get of "" on endpoints
  create,get,list,watch of certificates.k8s.io on certificatesigningrequests
  create,delete,get,patch,update of coordination.k8s.io on leases
  get of storage.k8s.io on volumeattachments
  create of "" on serviceaccounts/token
  get,patch,update of "" on persistentvolumeclaims/status
  get,list,watch of storage.k8s.io on csidrivers
  create,delete,get,patch,update of storage.k8s.io on csinodes
  get,list,watch of node.k8s.io on runtimeclasses
clusterrole system:node-bootstrapper
  create,get,list,watch of certificates.k8s.io on certificatesigningrequests
clusterrole system:node-problem-detector
  get of "" on nodes
  patch of "" on nodes/status
  create,patch,update of "",events.k8s.io on events
clusterrole system:node-proxier
  list,watch of "" on endpoints,services
  get,list,watch of "" on nodes
  create,patch,update of "",events.k8s.io on events
  list,watch of discovery.k8s.io on endpointslices
clusterrole system:persistent-volume-provisioner
  create,delete,get,list,watch of "" on persistentvolumes
  get,list,update,watch of "" on persistentvolumeclaims
  get,list,watch of storage.k8s.io on storageclasses
  watch of "" on events
  create,patch,update of "",events.k8s.io on events
clusterrole system:public-info-viewer
  get url /healthz,/livez,/readyz,/version,/version/
clusterrole system:reigen:docker
  create,delete,deletecollection,get,list,patch,update,watch of docker.reigen.dev on containers,nameclaims,networks,volumes
  get,list,watch of "" on nodes,pods
clusterrole system:service-account-issuer-discovery
  get url /.well-known/openid-configuration,/.well-known/openid-configuration/,/openid/v1/jwks,/openid/v1/jwks/
clusterrole system:volume-scheduler
  get,list,patch,update,watch of "" on persistentvolumes
  get,list,watch of storage.k8s.io on storageclasses
  get,list,patch,update,watch of "" on persistentvolumeclaims
clusterrole view label rbac.authorization.k8s.io/aggregate-to-edit=true
  aggregate rbac.authorization.k8s.io/aggregate-to-view=true
role kube-public/system:controller:bootstrap-signer
  get,list,watch of "" on configmaps
  update of "" on configmaps named cluster-info
  create,patch,update of "",events.k8s.io on events
role kube-system/extension-apiserver-authentication-reader
  get,list,watch of "" on configmaps named extension-apiserver-authentication
role kube-system/system::leader-locking-kube-controller-manager
  watch of "" on configmaps
  get,update of "" on configmaps named kube-controller-manager
  create,get,list,update,watch of coordination.k8s.io on leases
  create,get,list,update,watch of coordination.k8s.io on leasecandidates
role kube-system/system::leader-locking-kube-scheduler
  watch of "" on configmaps
  get,update of "" on configmaps named kube-scheduler
  create,get,list,update,watch of coordination.k8s.io on leases
  create,get,list,update,watch of coordination.k8s.io on leasecandidates
role kube-system/system:controller:bootstrap-signer
  get,list,watch of "" on secrets
role kube-system/system:controller:cloud-provider
  create,get,list,watch of "" on configmaps
role kube-system/system:controller:token-cleaner
  delete,get,list,watch of "" on secrets
  create,patch,update of "",events.k8s.io on events
clusterrolebinding cluster-admin ClusterRole cluster-admin
  Group system:masters
clusterrolebinding system:basic-user ClusterRole system:basic-user
  Group system:authenticated
clusterrolebinding system:controller:attachdetach-controller ClusterRole system:controller:attachdetach-controller
  ServiceAccount kube-system/attachdetach-controller
clusterrolebinding system:controller:certificate-controller ClusterRole system:controller:certificate-controller
  ServiceAccount kube-system/certificate-controller
clusterrolebinding system:controller:clusterrole-aggregation-controller ClusterRole system:controller:clusterrole-aggregation-controller
  ServiceAccount kube-system/clusterrole-aggregation-controller
clusterrolebinding system:controller:container-controller ClusterRole system:controller:container-controller
  ServiceAccount kube-system/container-controller
clusterrolebinding system:controller:cronjob-controller ClusterRole system:controller:cronjob-controller
  ServiceAccount kube-system/cronjob-controller
clusterrolebinding system:controller:daemon-set-controller ClusterRole system:controller:daemon-set-controller
  ServiceAccount kube-system/daemon-set-controller
clusterrolebinding system:controller:deployment-controller ClusterRole system:controller:deployment-controller
  ServiceAccount kube-system/deployment-controller
clusterrolebinding system:controller:disruption-controller ClusterRole system:controller:disruption-controller
  ServiceAccount kube-system/disruption-controller
clusterrolebinding system:controller:endpoint-controller ClusterRole system:controller:endpoint-controller
  ServiceAccount kube-system/endpoint-controller
clusterrolebinding system:controller:endpointslice-controller ClusterRole system:controller:endpointslice-controller
  ServiceAccount kube-system/endpointslice-controller
clusterrolebinding system:controller:endpointslicemirroring-controller ClusterRole system:controller:endpointslicemirroring-controller
  ServiceAccount kube-system/endpointslicemirroring-controller
clusterrolebinding system:controller:ephemeral-volume-controller ClusterRole system:controller:ephemeral-volume-controller
  ServiceAccount kube-system/ephemeral-volume-controller
clusterrolebinding system:controller:expand-controller ClusterRole system:controller:expand-controller
  ServiceAccount kube-system/expand-controller
clusterrolebinding system:controller:generic-garbage-collector ClusterRole system:controller:generic-garbage-collector
  ServiceAccount kube-system/generic-garbage-collector
clusterrolebinding system:controller:horizontal-pod-autoscaler ClusterRole system:controller:horizontal-pod-autoscaler
  ServiceAccount kube-system/horizontal-pod-autoscaler
clusterrolebinding system:controller:job-controller ClusterRole system:controller:job-controller
  ServiceAccount kube-system/job-controller
clusterrolebinding system:controller:legacy-service-account-token-cleaner ClusterRole system:controller:legacy-service-account-token-cleaner
  ServiceAccount kube-system/legacy-service-account-token-cleaner
clusterrolebinding system:controller:namespace-controller ClusterRole system:controller:namespace-controller
  ServiceAccount kube-system/namespace-controller
clusterrolebinding system:controller:node-controller ClusterRole system:controller:node-controller
  ServiceAccount kube-system/node-controller
clusterrolebinding system:controller:persistent-volume-binder ClusterRole system:controller:persistent-volume-binder
  ServiceAccount kube-system/persistent-volume-binder
clusterrolebinding system:controller:pod-garbage-collector ClusterRole system:controller:pod-garbage-collector
  ServiceAccount kube-system/pod-garbage-collector
clusterrolebinding system:controller:pv-protection-controller ClusterRole system:controller:pv-protection-controller
  ServiceAccount kube-system/pv-protection-controller
clusterrolebinding system:controller:pvc-protection-controller ClusterRole system:controller:pvc-protection-controller
  ServiceAccount kube-system/pvc-protection-controller
clusterrolebinding system:controller:replicaset-controller ClusterRole system:controller:replicaset-controller
  ServiceAccount kube-system/replicaset-controller
clusterrolebinding system:controller:replication-controller ClusterRole system:controller:replication-controller
  ServiceAccount kube-system/replication-controller
clusterrolebinding system:controller:resourcequota-controller ClusterRole system:controller:resourcequota-controller
  ServiceAccount kube-system/resourcequota-controller
clusterrolebinding system:controller:root-ca-cert-publisher ClusterRole system:controller:root-ca-cert-publisher
  ServiceAccount kube-system/root-ca-cert-publisher
clusterrolebinding system:controller:route-controller ClusterRole system:controller:route-controller
  ServiceAccount kube-system/route-controller
clusterrolebinding system:controller:service-account-controller ClusterRole system:controller:service-account-controller
  ServiceAccount kube-system/service-account-controller
clusterrolebinding system:controller:service-ca-cert-publisher ClusterRole system:controller:service-ca-cert-publisher
  ServiceAccount kube-system/service-ca-cert-publisher
clusterrolebinding system:controller:service-controller ClusterRole system:controller:service-controller
  ServiceAccount kube-system/service-controller
clusterrolebinding system:controller:statefulset-controller ClusterRole system:controller:statefulset-controller
  ServiceAccount kube-system/statefulset-controller
clusterrolebinding system:controller:ttl-after-finished-controller ClusterRole system:controller:ttl-after-finished-controller
  ServiceAccount kube-system/ttl-after-finished-controller
clusterrolebinding system:controller:ttl-controller ClusterRole system:controller:ttl-controller
  ServiceAccount kube-system/ttl-controller
clusterrolebinding system:controller:validatingadmissionpolicy-status-controller ClusterRole system:controller:validatingadmissionpolicy-status-controller
  ServiceAccount kube-system/validatingadmissionpolicy-status-controller
clusterrolebinding system:discovery ClusterRole system:discovery
  Group system:authenticated
clusterrolebinding system:kube-controller-manager ClusterRole system:kube-controller-manager
  User system:kube-controller-manager
clusterrolebinding system:kube-dns ClusterRole system:kube-dns
  ServiceAccount kube-system/kube-dns
clusterrolebinding system:kube-scheduler ClusterRole system:kube-scheduler
  User system:kube-scheduler
clusterrolebinding system:monitoring ClusterRole system:monitoring
  Group system:monitoring
clusterrolebinding system:node ClusterRole system:node
clusterrolebinding system:node-proxier ClusterRole system:node-proxier
  User system:kube-proxy
clusterrolebinding system:public-info-viewer ClusterRole system:public-info-viewer
  Group system:authenticated
  Group system:unauthenticated
clusterrolebinding system:reigen:docker ClusterRole system:reigen:docker
  User system:reigen:docker
clusterrolebinding system:service-account-issuer-discovery ClusterRole system:service-account-issuer-discovery
  Group system:serviceaccounts
clusterrolebinding system:volume-scheduler ClusterRole system:volume-scheduler
  User system:kube-scheduler
rolebinding kube-public/system:controller:bootstrap-signer Role system:controller:bootstrap-signer
  ServiceAccount kube-system/bootstrap-signer
rolebinding kube-system/system::extension-apiserver-authentication-reader Role extension-apiserver-authentication-reader
  User system:kube-controller-manager
  User system:kube-scheduler
rolebinding kube-system/system::leader-locking-kube-controller-manager Role system::leader-locking-kube-controller-manager
  User system:kube-controller-manager
  ServiceAccount kube-system/kube-controller-manager
  ServiceAccount kube-system/leader-election-controller
rolebinding kube-system/system::leader-locking-kube-scheduler Role system::leader-locking-kube-scheduler
  User system:kube-scheduler
  ServiceAccount kube-system/kube-scheduler
rolebinding kube-system/system:controller:bootstrap-signer Role system:controller:bootstrap-signer
  ServiceAccount kube-system/bootstrap-signer
rolebinding kube-system/system:controller:cloud-provider Role system:controller:cloud-provider
  ServiceAccount kube-system/cloud-provider
rolebinding kube-system/system:controller:token-cleaner Role system:controller:token-cleaner
  ServiceAccount kube-system/token-cleaner
)facts";

}  // namespace reigen::apiserver
