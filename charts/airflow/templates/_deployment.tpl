{{/*
The Deployment of one component: dict
  root, component, values    the chart's root, the component's official name, its values
  dags                       whether it reads DAGs
  surge                      whether a new pod may start beside the old one
  container, mounts, volumes rendered YAML of its own: ports and probes; more mounts; more volumes
*/}}
{{- define "airflow.deployment" -}}
{{- $root := .root -}}
{{- $own := .values -}}
{{- $who := list $root .component -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ include "airflow.fullname" $root }}-{{ .component }}
  labels:
    {{- include "airflow.labels" $who | nindent 4 }}
spec:
  replicas: {{ int $own.replicas }}
  revisionHistoryLimit: 2
  strategy:
    rollingUpdate:
      {{- if .surge }}
      maxSurge: 1
      maxUnavailable: 0
      {{- else }}
      # Old before new: never two versions at work on one database, and no room in the quota for both.
      maxSurge: 0
      maxUnavailable: 1
      {{- end }}
  selector:
    matchLabels:
      {{- include "airflow.selector" $who | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "airflow.selector" $who | nindent 8 }}
        {{- with merge (deepCopy $own.labels) $root.Values.labels }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      annotations:
        {{- include "airflow.checksums" $who | nindent 8 }}
        {{- with merge (deepCopy $own.podAnnotations) $root.Values.airflowPodAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      {{- include "airflow.pod" (list $root .component $own) | nindent 6 }}
      {{- include "airflow.spread" $who | nindent 6 }}
      {{- if and .dags $root.Values.dags.gitSync.enabled }}
      initContainers:
        {{- include "airflow.gitSync" (list $root true) | nindent 8 }}
      {{- end }}
      containers:
        - name: {{ .component }}
          {{- include "airflow.container" (list $root $own) | nindent 10 }}
          {{- with $own.args }}
          args: {{ tpl (toJson .) $root }}
          {{- end }}
          env:
            {{- include "airflow.env.everyone" $root | nindent 12 }}
            {{- include "airflow.env.keys" $root | nindent 12 }}
            {{- include "airflow.env.own" $own.env | nindent 12 }}
          {{- .container | nindent 10 }}
          volumeMounts:
            {{- include "airflow.mounts" (dict "root" $root "dags" .dags) | nindent 12 }}
            {{- with .mounts }}
            {{- . | nindent 12 }}
            {{- end }}
        {{- if and .dags $root.Values.dags.gitSync.enabled }}
        {{- include "airflow.gitSync" (list $root false) | nindent 8 }}
        {{- end }}
      volumes:
        {{- include "airflow.volumes" (dict "root" $root "dags" .dags) | nindent 8 }}
        {{- with .volumes }}
        {{- . | nindent 8 }}
        {{- end }}
{{- end }}
