{{/* Labels of every object; the instance's own label cannot be overridden. */}}
{{- define "guardrails.labels" -}}
{{- $own := dict "app.kubernetes.io/name" "guardrails" "app.kubernetes.io/managed-by" .Release.Service "fleet/instance" .Values.instance -}}
{{- toYaml (merge $own .Values.labels) -}}
{{- end }}

{{/* Metadata of an object in the instance's namespace: list(root, name). */}}
{{- define "guardrails.metadata" -}}
{{- $root := index . 0 -}}
name: {{ index . 1 }}
namespace: {{ $root.Values.namespace | quote }}
labels:
  {{- include "guardrails.labels" $root | nindent 2 }}
{{- end }}

{{/* Selector of Airflow's components by the official labels: a list of their names. */}}
{{- define "guardrails.components" -}}
matchLabels:
  tier: airflow
matchExpressions:
  - key: component
    operator: In
    values: {{ toJson . }}
{{- end }}

{{/* Peers of a place given as cidrs, or as labels of namespace and pods. Where it names neither: anywhere, but not the link-local
     addresses, where clouds have their metadata server. Pods are named apart: on some networks address ranges mean none. */}}
{{- define "guardrails.peers" -}}
{{- $except := .except -}}
{{- range .cidrs }}
- ipBlock:
    cidr: {{ . }}
    {{- with $except }}
    except: {{ toJson . }}
    {{- end }}
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
{{- else if not .cidrs }}
- ipBlock:
    cidr: 0.0.0.0/0
    except: [169.254.0.0/16]
- ipBlock:
    cidr: ::/0
    except: ["fe80::/10", "fd00:ec2::254/128"]
- namespaceSelector: {}
{{- end }}
{{- end }}

{{/* Ports of a rule: list(protocol, ports). */}}
{{- define "guardrails.ports" -}}
{{- $protocol := index . 0 -}}
{{- range index . 1 }}
- protocol: {{ $protocol }}
  port: {{ int . }}
{{- end }}
{{- end }}

{{/* The components that run git-sync beside them. */}}
{{- define "guardrails.dagReaders" -}}
{{- if eq .Values.executor "LocalExecutor" -}}
{{- toJson (list "scheduler" "dag-processor" "triggerer") -}}
{{- else -}}
{{- toJson (list "worker" "dag-processor" "triggerer") -}}
{{- end -}}
{{- end }}

{{/* The components that may start pods. */}}
{{- define "guardrails.launchers" -}}
{{- $launchers := list -}}
{{- if eq .Values.executor "KubernetesExecutor" -}}
  {{- $launchers = append $launchers "scheduler" -}}
{{- end -}}
{{- if .Values.podLaunching.tasks -}}
  {{- $launchers = concat $launchers (list "triggerer" (eq .Values.executor "LocalExecutor" | ternary "scheduler" "worker")) -}}
{{- end -}}
{{- toJson (sortAlpha $launchers) -}}
{{- end }}
