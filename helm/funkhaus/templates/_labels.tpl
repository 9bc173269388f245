{{/* The component is the folder the template lies in. */}}
{{- define "funkhaus.labels" -}}
app.kubernetes.io/part-of: funkhaus
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/component: {{ base (dir .Template.Name) }}
{{- end -}}
{{- define "funkhaus.selector" -}}
app.kubernetes.io/part-of: funkhaus
app.kubernetes.io/component: {{ base (dir .Template.Name) }}
{{- end -}}
