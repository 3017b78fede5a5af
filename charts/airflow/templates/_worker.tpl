{{/* The pod template of the KubernetesExecutor. Its `base` container is filled in by the executor. */}}
{{- define "airflow.worker" -}}
{{- $own := .Values.workers.kubernetes -}}
apiVersion: v1
kind: Pod
metadata:
  name: placeholder-name
  labels:
    {{- include "airflow.selector" (list . "worker") | nindent 4 }}
    {{- with merge (deepCopy $own.labels) .Values.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  annotations:
    cluster-autoscaler.kubernetes.io/safe-to-evict: {{ $own.safeToEvict | quote }}
    {{- with merge (deepCopy $own.podAnnotations) .Values.airflowPodAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  restartPolicy: Never
  {{- include "airflow.pod" (list . "worker" $own) | nindent 2 }}
  {{- if .Values.dags.gitSync.enabled }}
  initContainers:
    {{- include "airflow.gitSync" (list . true) | nindent 4 }}
  {{- end }}
  containers:
    - name: base
      {{- include "airflow.container" (list . $own) | nindent 6 }}
      env:
        - name: AIRFLOW__CORE__EXECUTOR
          value: LocalExecutor
        {{- include "airflow.env.everyone" . | nindent 8 }}
        {{- include "airflow.env.own" $own.env | nindent 8 }}
      volumeMounts:
        {{- include "airflow.mounts" (dict "root" . "dags" true) | nindent 8 }}
  volumes:
    {{- include "airflow.volumes" (dict "root" . "dags" true) | nindent 4 }}
{{- end }}
