{{/* One template per name: nothing else spells one. */}}
{{- define "funkhaus.api" -}}funkhaus-api{{- end -}}
{{- define "funkhaus.auditKeys" -}}{{ .Values.audit.existingSecret | default "funkhaus-audit-keys" }}{{- end -}}
{{- define "funkhaus.webhook" -}}funkhaus-webhook{{- end -}}
{{- define "funkhaus.controller" -}}funkhaus-controller{{- end -}}
{{- define "funkhaus.waker" -}}funkhaus-waker{{- end -}}
{{- define "funkhaus.members" -}}{{ .Release.Namespace }}-members{{- end -}}
{{- define "funkhaus.policyKeys" -}}{{ .Values.policy.existingSecret | default "funkhaus-policy-keys" }}{{- end -}}
{{- define "funkhaus.rules" -}}funkhaus-rules{{- end -}}
{{- define "funkhaus.opa" -}}funkhaus-opa{{- end -}}
{{- define "funkhaus.admission" -}}funkhaus{{- end -}}
{{- define "funkhaus.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- define "funkhaus.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
runAsNonRoot: true
runAsUser: 65532
capabilities: {drop: [ALL]}
seccompProfile: {type: RuntimeDefault}
{{- end -}}
