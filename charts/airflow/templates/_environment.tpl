{{/* Environment of the containers. */}}

{{/* Variables for every Airflow container. */}}
{{- define "airflow.env.everyone" -}}
{{- range .Values.env }}
- name: {{ .name }}
  value: {{ .value | quote }}
{{- end }}
{{- range .Values.secret }}
- name: {{ .envName }}
  valueFrom:
    secretKeyRef:
      name: {{ .secretName | quote }}
      key: {{ .secretKey | default "value" | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ tpl . $ }}
{{- end }}
{{- end }}

{{/* The instance's keys: for its own components, never for tasks. */}}
{{- define "airflow.env.keys" -}}
{{- $keys := list
      (list "AIRFLOW__CORE__FERNET_KEY" .Values.fernetKeySecretName "fernet-key")
      (list "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" .Values.data.metadataSecretName "connection")
      (list "AIRFLOW__API__SECRET_KEY" .Values.apiSecretKeySecretName "api-secret-key")
      (list "AIRFLOW__API_AUTH__JWT_SECRET" .Values.jwtSecretName "jwt-secret") -}}
{{- range $keys }}
{{- if index $.Values.enableBuiltInSecretEnvVars (index . 0) }}
- name: {{ index . 0 }}
  valueFrom:
    secretKeyRef:
      name: {{ index . 1 | quote }}
      key: {{ index . 2 }}
{{- end }}
{{- end }}
{{- end }}

{{/* A component's own variables: a list of {name, value | valueFrom}. */}}
{{- define "airflow.env.own" -}}
{{- range . }}
- name: {{ .name }}
  {{- if hasKey . "value" }}
  value: {{ .value | quote }}
  {{- else }}
  valueFrom:
    {{- toYaml .valueFrom | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}

{{- define "airflow.envFrom" -}}
{{- with .Values.extraEnvFrom }}
envFrom:
  {{- tpl . $ | nindent 2 }}
{{- end }}
{{- end }}
