import{Fa as t,H as e,K as r,Y as $,g as i,y as l}from"./chunk-UMTCUHV3.js";var u=["visitors","visits","page_views","views_per_visit","bounce_rate","avg_visit_duration_s"];function g({data:s,metric:p,choose:n}){return i`<div class="kpis" role="group" aria-label=${t("figures")}>
    ${u.map(o=>i`<button key=${o} class="kpi" aria-pressed=${p===o} onClick=${()=>n(o)}
      title=${s?r[o].long(s[o]):""}>
      <span class="kpi-label">${t(o)}</span>
      ${s?i`<${c} data=${s} name=${o} />`:i`<span class="sk w6"></span><span class="sk w4"></span>`}
    </button>`)}
  </div>`}function c({data:s,name:p}){let{short:n,good:o}=r[p],a=s.previous?.[p];return i`<span class="kpi-value">${n(s[p])}</span>
    <span class="kpi-foot">${s.previous&&i`<${f} change=${s.change?.[p]} good=${o} />
      ${a!=null&&i`<span>${t("fromValue",{value:n(a)})}</span>`}`}</span>`}function f({change:s,good:p}){if(s==null)return i`<span class="delta flat">${l}</span>`;let n=Math.abs(s)<.005,o=n?"flat":s*p>0?"good":"bad";return i`<span class=${"delta "+o}>
    ${!n&&i`<${$} name=${s>0?"up":"down"} size="12" /><span class="vh">
      ${t(s>0?"up":"down")} </span>`}${e(s)}
  </span>`}export{g as a,f as b};
