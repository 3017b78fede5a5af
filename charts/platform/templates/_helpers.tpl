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
