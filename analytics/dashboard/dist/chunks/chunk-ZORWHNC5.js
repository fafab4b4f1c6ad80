import{l as y,m as w}from"./chunk-T5IHVVUU.js";import{I as h,J as d,M as b,Oa as p,R as u,fa as S,g as s}from"./chunk-5WGAML6X.js";var _=e=>b(e==null?e:e/100);function B({rows:e,before:t,definition:n,who:r}){return s`<ol class="fsteps">${e.map((o,a)=>s`<${H} key=${o.step_id} row=${o} index=${a}
    previous=${e[a-1]} next=${e[a+1]} before=${t?.[a]} scope=${n.scope} who=${r}
    step=${n.steps.find(i=>i.id===o.step_id)} />`)}</ol>`}function H({row:e,index:t,previous:n,next:r,before:o,scope:a,who:i,step:c}){let $=c?w(c):e.step_name,m=c?y(c):"",l=e.visitors_reached,k=p(a==="visit"?"visitsWord":"peopleWord",{},l),f=o?.conversion_rate==null?void 0:o,v=s`<b>${d(l)}</b> ${k}`;return s`<li class="fstep">
    <div class="fstep-head"><span class="fstep-no" aria-hidden="true">${t+1}</span>
      <span class="fstep-name"><b title=${$}>${$}</b>${m!==$&&s`<span title=${m}>${m}</span>`}</span>
      <span class="fstep-n num">${i&&l>0?s`<a href=${i(t+1,!1)} title=${p("whoReached",{step:$})}>${v}</a>`:v}</span>
      <span class="fstep-rate num"><b>${_(e.conversion_rate)}</b>${f&&s`<span>${p("beforeRate",{rate:_(f.conversion_rate)})}</span>`}</span></div>
    <div class="fbar" aria-hidden="true">
      ${n&&s`<i class="lost" style=${{"--w":(n.conversion_rate??0)+"%"}}></i>`}
      <i class="now" style=${{"--w":(e.conversion_rate??0)+"%"}}></i>
      ${f&&s`<i class="then" style=${{"--w":f.conversion_rate+"%"}}></i>`}</div>
    ${r&&s`<${O} row=${e} next=${r} lost=${l-r.visitors_reached} index=${t} name=${$} who=${i} />`}
  </li>`}function O({row:e,next:t,lost:n,index:r,name:o,who:a}){let i=s`<${S} name="down" size="13" />${p("leftHere",{n:d(n),rate:_(e.drop_off_rate)},n)}`;return s`<div class="fstep-foot">
    ${a&&n>0?s`<a class="lost" href=${a(r+1,!0)} title=${p("whoLeft",{step:o})}>${i}</a>`:s`<span class="lost">${i}</span>`}
    <span>${t.median_time_s==null?h:p("tookTime",{median:u(t.median_time_s),p90:u(t.p90_time_s)})}</span>
  </div>`}export{_ as a,B as b};
