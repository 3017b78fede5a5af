{{/* Labels of every object. */}}
{{- define "portal.labels" -}}
app.kubernetes.io/name: fleet-portal
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* What the Service and the policies find the pod by. */}}
{{- define "portal.selector" -}}
app.kubernetes.io/name: fleet-portal
{{- end }}

{{- define "portal.metadata" -}}
name: fleet-portal
namespace: {{ .Release.Namespace }}
labels:
  {{- include "portal.labels" . | nindent 2 }}
{{- end }}

{{/* The host of the portal's own address. */}}
{{- define "portal.host" -}}
{{- (urlParse .Values.portal.url).host -}}
{{- end }}

{{/* Peers of a place given as cidrs, or as labels of namespace and pods; nothing where it names neither: anywhere. */}}
{{- define "portal.peers" -}}
{{- range .cidrs }}
- ipBlock:
    cidr: {{ . }}
{{- end }}
{{- if or .namespaceLabels .podLabels }}
- {{- with .namespaceLabels }}
  namespaceSelector:
    matchLabels: {{ toJson . }}
  {{- end }}
  {{- with .podLabels }}
  podSelector:
    matchLabels: {{ toJson . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Ports of a rule: list(protocol, ports). */}}
{{- define "portal.ports" -}}
{{- $protocol := index . 0 -}}
{{- range index . 1 }}
- protocol: {{ $protocol }}
  port: {{ int . }}
{{- end }}
{{- end }}

{{/* A thing of the look at drift: list(root, name). */}}
{{- define "drift.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 }}
namespace: {{ $root.Release.Namespace }}
labels:
  app.kubernetes.io/name: {{ index . 1 }}
  app.kubernetes.io/managed-by: {{ $root.Release.Service }}
{{- end }}

{{/* The same for what is in no namespace. */}}
{{- define "drift.clusterMetadata" -}}
name: fleet-drift
labels:
  app.kubernetes.io/name: fleet-drift
  app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{/* The ConfigMap of each pod's report, a JSON list of names. */}}
{{- define "drift.reports" -}}
{{- $names := list "drift-report" -}}
{{- range untilStep 1 (int .Values.drift.shards) 1 }}
{{- $names = append $names (printf "drift-report-%d" .) }}
{{- end }}
{{- toJson $names -}}
{{- end }}

{{/* What every pod of it is held to. */}}
{{- define "drift.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "drift.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Egress of a place {port, cidrs} or {ports, cidrs}. */}}
{{- define "drift.way" -}}
- ports:
    {{- include "portal.ports" (list "TCP" (.ports | default (list .port))) | nindent 4 }}
  {{- with include "portal.peers" . }}
  to:
    {{- . | nindent 4 }}
  {{- end }}
{{- end }}
