{{/* Names, labels, paths and images. Helpers that users may call in templated values have the official names. */}}

{{- define "airflow.fullname" -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end }}

{{- define "airflow_config" -}}
{{- printf "%s-config" (include "airflow.fullname" .) -}}
{{- end }}

{{- define "airflow_dags_mount_path" -}}
{{- .Values.dags.mountPath | default (printf "%s/dags" .Values.airflowHome) -}}
{{- end }}

{{- define "airflow_dags" -}}
{{- $path := include "airflow_dags_mount_path" . -}}
{{- if .Values.dags.gitSync.enabled -}}
{{- printf "%s/repo/%s" $path .Values.dags.gitSync.subPath | trimSuffix "/" -}}
{{- else -}}
{{- $path -}}
{{- end -}}
{{- end }}

{{- define "airflow_pod_template_file" -}}
{{- printf "%s/pod_templates" .Values.airflowHome -}}
{{- end }}

{{- define "dag_bundle_config_list" -}}
{{- toJson .Values.dagProcessor.dagBundleConfigList -}}
{{- end }}

{{/* The path of [api] base_url without its last slash: "" or "/team". */}}
{{- define "airflow.basePath" -}}
{{- $url := tpl (dig "api" "base_url" "" .Values.config | toString) . -}}
{{- (urlParse $url).path | trimSuffix "/" -}}
{{- end }}

{{- define "airflow.image" -}}
{{- $image := .Values.images.airflow -}}
{{- $repository := $image.repository | default .Values.defaultAirflowRepository -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository ($image.tag | default .Values.defaultAirflowTag) -}}
{{- end -}}
{{- end }}

{{/* The labels that select a component's pods: list(root, component). They never change during a release's life. */}}
{{- define "airflow.selector" -}}
tier: airflow
component: {{ index . 1 }}
release: {{ (index . 0).Release.Name }}
{{- end }}

{{/* Labels of an object: list(root, component). */}}
{{- define "airflow.labels" -}}
{{ include "airflow.selector" . }}
heritage: {{ (index . 0).Release.Service }}
{{- with (index . 0).Values.labels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* list(root, component, the component's values) */}}
{{- define "airflow.serviceAccountName" -}}
{{- $account := (index . 2).serviceAccount -}}
{{- $own := printf "%s-%s" (include "airflow.fullname" (index . 0)) (index . 1) -}}
{{- $account.name | default ($account.create | ternary $own "default") -}}
{{- end }}

{{/* list(root, component, the component's values) */}}
{{- define "airflow.serviceAccount" -}}
{{- $account := (index . 2).serviceAccount -}}
{{- if $account.create }}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ include "airflow.serviceAccountName" . | quote }}
  labels:
    {{- include "airflow.labels" . | nindent 4 }}
  {{- with $account.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
automountServiceAccountToken: {{ $account.automountServiceAccountToken }}
{{- end }}
{{- end }}
