import{$ as h,J as c,O as $,R as e,h as o,ma as r}from"./chunk-JKRTTABF.js";var f=["visitors","visits","page_views","views_per_visit","bounce_rate","avg_visit_duration_s"];function b({data:s,metric:n,choose:i}){return o`<div class="kpis" role="group" aria-label=${r("figures")}>
    ${f.map(t=>o`<button key=${t} class="kpi" aria-pressed=${n===t} onClick=${()=>i(t)}
      title=${s?e[t].long(s[t]):""}>
      <span class="kpi-label">${r(t)}</span>
      ${s?o`<${m} data=${s} name=${t} />`:o`<span class="sk w6"></span><span class="sk w4"></span>`}
    </button>`)}
  </div>`}function m({data:s,name:n}){let{short:i,good:t}=e[n];return o`<span class="kpi-value">${i(s[n])}</span>
    <span class="kpi-foot">${s.previous&&o`<${g} change=${s.change?.[n]} good=${t} />
      <span>${r("fromValue",{value:i(s.previous[n])})}</span>`}</span>`}function g({change:s,good:n}){if(s==null)return o`<span class="delta flat">${c}</span>`;let i=Math.abs(s)<.005,t=i?"flat":s*n>0?"good":"bad";return o`<span class=${"delta "+t}>
    ${!i&&o`<${h} name=${s>0?"up":"down"} size="12" /><span class="vh">
      ${r(s>0?"up":"down")} </span>`}${$(s)}
  </span>`}var d=4,l=18;function H({values:s}){let n=Math.max(1,...s);return o`<svg class="spark" width=${s.length*d} height=${l} aria-hidden="true">
    ${s.map((i,t)=>{let a=Math.max(i?2:1,i/n*l);return o`<rect key=${t} class=${i?"":"nil"} x=${t*d} y=${l-a} width="3"
        height=${a} rx="1" />`})}</svg>`}function F({values:s}){let n=Math.max(1,...s),i=100/Math.max(1,s.length-1),t=s.map((p,u)=>`${(u*i).toFixed(2)} ${(30-p/n*28).toFixed(2)}`),a=p=>p.length?"M"+p.join("L"):"";return o`<svg class=${"card-spark"+(s.some(Boolean)?"":" flat")} viewBox="0 0 100 31"
    preserveAspectRatio="none" aria-hidden="true">
    <path class="area" d=${a(t.slice(0,-1))+`L${t.at(-2)?.split(" ")[0]??0} 31L0 31Z`} />
    <path class="line now" d=${a(t.slice(0,-1))} />
    <path class="line now part" d=${a(t.slice(-2))} />
  </svg>`}export{b as a,g as b,H as c,F as d};
