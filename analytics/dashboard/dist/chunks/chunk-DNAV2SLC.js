import{M as c,R as $,U as e,da as h,h as o,ra as r}from"./chunk-5D7LDSM5.js";var f=["visitors","visits","page_views","views_per_visit","bounce_rate","avg_visit_duration_s"];function b({data:s,metric:i,choose:n}){return o`<div class="kpis" role="group" aria-label=${r("figures")}>
    ${f.map(t=>o`<button key=${t} class="kpi" aria-pressed=${i===t} onClick=${()=>n(t)}
      title=${s?e[t].long(s[t]):""}>
      <span class="kpi-label">${r(t)}</span>
      ${s?o`<${m} data=${s} name=${t} />`:o`<span class="sk w6"></span><span class="sk w4"></span>`}
    </button>`)}
  </div>`}function m({data:s,name:i}){let{short:n,good:t}=e[i],a=s.previous?.[i];return o`<span class="kpi-value">${n(s[i])}</span>
    <span class="kpi-foot">${s.previous&&o`<${g} change=${s.change?.[i]} good=${t} />
      ${a!=null&&o`<span>${r("fromValue",{value:n(a)})}</span>`}`}</span>`}function g({change:s,good:i}){if(s==null)return o`<span class="delta flat">${c}</span>`;let n=Math.abs(s)<.005,t=n?"flat":s*i>0?"good":"bad";return o`<span class=${"delta "+t}>
    ${!n&&o`<${h} name=${s>0?"up":"down"} size="12" /><span class="vh">
      ${r(s>0?"up":"down")} </span>`}${$(s)}
  </span>`}var u=4,l=18;function H({values:s}){let i=Math.max(1,...s);return o`<svg class="spark" width=${s.length*u} height=${l} aria-hidden="true">
    ${s.map((n,t)=>{let a=Math.max(n?2:1,n/i*l);return o`<rect key=${t} class=${n?"":"nil"} x=${t*u} y=${l-a} width="3"
        height=${a} rx="1" />`})}</svg>`}function F({values:s}){let i=Math.max(1,...s),n=100/Math.max(1,s.length-1),t=s.map((p,d)=>`${(d*n).toFixed(2)} ${(30-p/i*28).toFixed(2)}`),a=p=>p.length?"M"+p.join("L"):"";return o`<svg class=${"card-spark"+(s.some(Boolean)?"":" flat")} viewBox="0 0 100 31"
    preserveAspectRatio="none" aria-hidden="true">
    <path class="area" d=${a(t.slice(0,-1))+`L${t.at(-2)?.split(" ")[0]??0} 31L0 31Z`} />
    <path class="line now" d=${a(t.slice(0,-1))} />
    <path class="line now part" d=${a(t.slice(-2))} />
  </svg>`}export{b as a,g as b,H as c,F as d};
