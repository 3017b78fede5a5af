{{/* Probes. Starting Airflow's own command line for each costs seconds of CPU, so nothing here starts it. */}}

{{- define "airflow.probe.times" -}}
initialDelaySeconds: {{ int .initialDelaySeconds }}
periodSeconds: {{ int .periodSeconds }}
timeoutSeconds: {{ int .timeoutSeconds }}
failureThreshold: {{ int .failureThreshold }}
{{- end }}

{{/* The api-server's health: list(root, the probe's values). It answers 200 while it serves, whatever the others do. */}}
{{- define "airflow.probe.http" -}}
httpGet:
  path: {{ include "airflow.basePath" (index . 0) }}/api/v2/monitor/health
  port: api-server
{{ include "airflow.probe.times" (index . 1) }}
{{- end }}

{{- define "airflow.heartbeat.path" -}}
{{- printf "%s/heartbeat.py" .Values.airflowHome -}}
{{- end }}

{{- define "airflow.heartbeat.mount" -}}
- name: config
  mountPath: {{ include "airflow.heartbeat.path" . }}
  subPath: heartbeat.py
  readOnly: true
{{- end }}

{{/* A component's heart: list(root, job type, the probe's values). */}}
{{- define "airflow.probe.heartbeat" -}}
{{- $probe := index . 2 -}}
exec:
  command:
    {{- if $probe.command }}
    {{- toYaml $probe.command | nindent 4 }}
    {{- else }}
    - python
    - -I
    - {{ include "airflow.heartbeat.path" (index . 0) }}
    - {{ index . 1 }}
    {{- end }}
{{ include "airflow.probe.times" $probe }}
{{- end }}

{{/* Where the official dialect has no startup probe: the liveness probe's question, asked often at first. */}}
{{- define "airflow.probe.startup" -}}
{{- $often := dict "initialDelaySeconds" 10 "periodSeconds" 10 "timeoutSeconds" 10 "failureThreshold" 30 -}}
{{- $probe := merge $often (index . 2) -}}
{{- include "airflow.probe.heartbeat" (list (index . 0) (index . 1) $probe) -}}
{{- end }}
