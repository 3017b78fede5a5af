{{/* The files that the ConfigMap holds. Pods carry the checksums of those they read. */}}

{{/* One value of airflow.cfg: list(root, value). YAML numbers arrive as floats, and 1000000 must not become 1e+06. */}}
{{- define "airflow.cfg.value" -}}
{{- $value := index . 1 -}}
{{- if and (kindIs "float64" $value) (eq (floor $value) $value) -}}
{{- int64 $value -}}
{{- else -}}
{{- tpl (toString $value) (index . 0) -}}
{{- end -}}
{{- end }}

{{- define "airflow.cfg" -}}
{{- $config := deepCopy .Values.config -}}
{{- $core := get $config "core" | default dict -}}
{{- if not (hasKey $core "execution_api_server_url") -}}
  {{- $url := printf "http://%s-api-server:%d%s/execution/" (include "airflow.fullname" .) (int .Values.ports.apiServer) (include "airflow.basePath" .) -}}
  {{- $_ := set $config "core" (merge $core (dict "execution_api_server_url" $url)) -}}
{{- end -}}
{{- range $section, $settings := $config }}
[{{ $section }}]
{{- range $key, $value := $settings }}
{{ $key }} = {{ include "airflow.cfg.value" (list $ $value) }}
{{- end }}
{{ end }}
{{- end }}

{{- define "airflow.podTemplate" -}}
{{- if .Values.podTemplate -}}
{{- tpl .Values.podTemplate . -}}
{{- else -}}
{{- include "airflow.worker" . -}}
{{- end -}}
{{- end }}

{{/* Checksums for the pods of a component: list(root, component). */}}
{{- define "airflow.checksums" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
checksum/airflow-config: {{ list (include "airflow.cfg" $root) ($root.Files.Get "files/heartbeat.py") $root.Values.airflowLocalSettings | toJson | sha256sum }}
{{- if and (eq $component "scheduler") (eq $root.Values.executor "KubernetesExecutor") }}
checksum/pod-template: {{ include "airflow.podTemplate" $root | sha256sum }}
{{- end }}
{{- if and (eq $component "api-server") $root.Values.apiServer.apiServerConfig }}
checksum/api-server-config: {{ tpl $root.Values.apiServer.apiServerConfig $root | sha256sum }}
{{- end }}
{{- end }}
